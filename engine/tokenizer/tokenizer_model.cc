// Meta's tokenizer.model: the base tokens in rank order, in base64. Two adjacent tokens merge when
// their bytes together are a token; the lower its rank, the earlier.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

#include "engine/text/base64.h"
#include "engine/tokenizer/load_error.h"
#include "engine/tokenizer/tokenizer_parts.h"

namespace puna::engine {
namespace {

// Llama 3's first special tokens under Hugging Face's names; <|reserved_special_token_3|>, 4, ...
// follow.
constexpr std::array<std::string_view, 11> kFirstSpecial = {"<|begin_of_text|>",
                                                            "<|end_of_text|>",
                                                            "<|reserved_special_token_0|>",
                                                            "<|reserved_special_token_1|>",
                                                            "<|finetune_right_pad_id|>",
                                                            "<|reserved_special_token_2|>",
                                                            "<|start_header_id|>",
                                                            "<|end_header_id|>",
                                                            "<|eom_id|>",
                                                            "<|eot_id|>",
                                                            "<|python_tag|>"};
constexpr int kReservedAmongFirst = 3;

// Base64 of at least one byte; false if it is anything else.
bool ReadBytes(std::string_view text, std::string* bytes) {
  std::optional<std::string> decoded = text::FromBase64(text);
  if (!decoded || decoded->empty()) return false;
  *bytes = *std::move(decoded);
  return true;
}

std::optional<TokenId> ParseRank(std::string_view text) {
  TokenId rank = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rank);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return rank;
}

void AddLine(std::string_view source, int number, std::string_view line, std::string* bytes, Vocabulary* vocabulary) {
  const auto refuse = [&](std::string_view expected) {
    ThrowLoadError(source, "line " + std::to_string(number), expected, "'" + std::string(line) + "'", kRemedyDamaged);
  };
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || !ReadBytes(line.substr(0, space), bytes)) {
    refuse("\"base64 rank\"");
  }
  if (bytes->size() > Vocabulary::kMaxTokenBytes) refuse("a token of at most 1024 bytes");
  const std::optional<TokenId> rank = ParseRank(line.substr(space + 1));
  if (rank != vocabulary->size() || *rank >= Vocabulary::kMaxTokens) refuse("ranks that count up from 0");
  if (vocabulary->Find(*bytes) != kNoToken) refuse("each token once");
  vocabulary->AddBase(*rank, *bytes);
}

void AddBaseTokens(std::string_view model, std::string_view source, Vocabulary* vocabulary) {
  std::string bytes;
  for (int number = 1; !model.empty(); ++number) {
    const size_t end = std::min(model.find('\n'), model.size());
    const std::string_view line = model.substr(0, end);
    model.remove_prefix(std::min(end + 1, model.size()));
    if (!line.empty()) AddLine(source, number, line, &bytes, vocabulary);
  }
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (vocabulary->Find({&c, 1}) != kNoToken) continue;
    ThrowLoadError(source, "", "lines with all 256 single bytes", "none for byte " + std::to_string(byte),
                   kRemedyDamaged);
  }
}

void AddMerges(const Vocabulary& vocabulary, MergeTable* merges) {
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    const std::string_view bytes = vocabulary.Bytes(id);
    for (size_t cut = 1; cut < bytes.size(); ++cut) {
      const TokenId left = vocabulary.Find(bytes.substr(0, cut));
      if (left == kNoToken) continue;
      const TokenId right = vocabulary.Find(bytes.substr(cut));
      if (right != kNoToken) merges->Add(left, right, static_cast<uint32_t>(id), id);
    }
  }
}

std::string SpecialName(int index) {
  constexpr int kFirst = kFirstSpecial.size();
  if (index < kFirst) return std::string(kFirstSpecial[index]);
  return "<|reserved_special_token_" + std::to_string(index - kFirst + kReservedAmongFirst) + "|>";
}

}  // namespace

TokenizerParts ParseTokenizerModel(std::string_view model, std::string_view source, int vocab_size) {
  TokenizerParts parts;
  AddBaseTokens(model, source, &parts.vocabulary);
  AddMerges(parts.vocabulary, &parts.merges);
  const int base = parts.vocabulary.size();
  if (vocab_size < base + static_cast<int>(kFirstSpecial.size()) || vocab_size > Vocabulary::kMaxTokens) {
    ThrowLoadError(
        source, "",
        "a vocabulary of " + std::to_string(vocab_size) + " tokens (the model's), 11 of them or more special",
        std::to_string(base) + " base tokens", "the tokenizer does not belong to this model");
  }
  for (int index = 0; base + index < vocab_size; ++index) {
    parts.added.push_back({base + index, SpecialName(index), true});
    parts.vocabulary.AddText(base + index, parts.added.back().text);
  }
  return parts;
}

}  // namespace puna::engine
