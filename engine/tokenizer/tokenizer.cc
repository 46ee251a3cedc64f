#include "engine/tokenizer/tokenizer.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "engine/base/check.h"
#include "engine/text/utf8.h"
#include "engine/tokenizer/bpe.h"
#include "engine/tokenizer/load_error.h"
#include "engine/tokenizer/merged_words.h"
#include "engine/tokenizer/pretokenize.h"
#include "engine/tokenizer/word_hash.h"

namespace puna::engine {
namespace {

// BPE counts positions in 32 bits, and an invalid byte becomes three.
constexpr size_t kMaxTextBytes = (size_t{1} << 31) / 3;

}  // namespace

Tokenizer Tokenizer::FromFile(const std::string& path) { return FromJson(ReadTokenizerFile(path), path); }

Tokenizer Tokenizer::FromJson(std::string_view json, std::string_view source, int vocab_size) {
  return Tokenizer(ParseTokenizerJson(json, source, vocab_size));
}

Tokenizer Tokenizer::FromTiktoken(const std::string& path, int vocab_size) {
  return Tokenizer(ParseTokenizerModel(ReadTokenizerFile(path), path, vocab_size));
}

Tokenizer::Tokenizer(TokenizerParts parts)
    : vocabulary_(std::move(parts.vocabulary)),
      merges_(std::move(parts.merges)),
      special_(vocabulary_.size(), false),
      whole_words_first_(parts.whole_words_first) {
  for (const AddedToken& token : parts.added) special_[token.id] = token.special;
  added_ = AddedTokenMatcher(std::move(parts.added));
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    byte_ids_[byte] = vocabulary_.Find({&c, 1});
    PUNA_CHECK(byte_ids_[byte] != kNoToken) << "byte " << byte;
  }
  bos_id_ = SpecialId(parts.first_token.value_or("<|begin_of_text|>")).value_or(kNoToken);
  says_bos_ = parts.first_token.has_value();
}

std::vector<TokenId> Tokenizer::Encode(std::string_view text) const { return EncodeRanges(text, {}); }

std::vector<TokenId> Tokenizer::EncodeWithSpecial(std::string_view text) const {
  const Range all{0, text.size()};
  return EncodeRanges(text, {&all, 1});
}

std::vector<TokenId> Tokenizer::Encode(std::span<const PromptPiece> pieces) const {
  std::string text;
  std::vector<Range> trusted;
  for (const PromptPiece& piece : pieces) {
    if (piece.text.empty()) continue;
    if (piece.trusted && !trusted.empty() && trusted.back().end == text.size()) {
      trusted.back().end += piece.text.size();
    } else if (piece.trusted) {
      trusted.push_back({text.size(), text.size() + piece.text.size()});
    }
    text += piece.text;
  }
  return EncodeRanges(text, trusted);
}

std::string Tokenizer::Decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  std::string bytes;
  for (const TokenId id : ids) {
    if (!skip_special_tokens || !IsSpecial(id)) bytes += Bytes(id);
  }
  return text::ReplaceInvalidUtf8(bytes);
}

std::string Tokenizer::TokenText(TokenId id) const { return text::ReplaceInvalidUtf8(Bytes(id)); }

namespace {

// Appends the tokens of plain text.
class PlainEncoder {
 public:
  PlainEncoder(const Vocabulary& vocabulary, const MergeTable& merges, const TokenId* byte_ids, bool whole_words_first,
               std::vector<TokenId>* out)
      : vocabulary_(vocabulary),
        merges_(merges),
        byte_ids_(byte_ids),
        whole_words_first_(whole_words_first),
        out_(out) {}

  void Encode(std::string_view text) {
    if (text::ValidUtf8Prefix(text) == text.size()) {
      EncodeValid(text);
    } else {
      EncodeValid(text::ReplaceInvalidUtf8(text));
      merged_.Clear();  // of a text that is gone
    }
  }

 private:
  void EncodeValid(std::string_view text) {
    for (size_t pos = 0; pos < text.size();) {
      const size_t end = PreTokenEnd(text, pos);
      EncodeWord(text.substr(pos, end - pos));
      pos = end;
    }
  }

  void EncodeWord(std::string_view word) {
    const uint32_t hash = HashWord(word);
    const MergedWords::Ids ids = merged_.Find(word, hash);
    if (ids.count != 0) return Repeat(ids);
    const size_t first = out_->size();
    const TokenId whole = whole_words_first_ ? vocabulary_.Find(word, hash) : kNoToken;
    if (whole != kNoToken) {
      out_->push_back(whole);
    } else {
      MergeWord(merges_, byte_ids_, word, &scratch_, out_);
    }
    merged_.Add(word, hash, {static_cast<uint32_t>(first), static_cast<uint32_t>(out_->size() - first)});
  }

  void Repeat(MergedWords::Ids ids) {
    if (ids.count == 1) return out_->push_back((*out_)[ids.first]);
    const size_t end = out_->size();
    out_->resize(end + ids.count);
    std::copy_n(out_->begin() + ids.first, ids.count, out_->begin() + static_cast<std::ptrdiff_t>(end));
  }

  const Vocabulary& vocabulary_;
  const MergeTable& merges_;
  const TokenId* byte_ids_;
  const bool whole_words_first_;
  std::vector<TokenId>* out_;
  BpeScratch scratch_;
  MergedWords merged_;
};

}  // namespace

std::vector<TokenId> Tokenizer::EncodeRanges(std::string_view text, std::span<const Range> trusted) const {
  if (text.size() >= kMaxTextBytes) throw std::length_error("the text to tokenize is too long");
  std::vector<TokenId> ids;
  ids.reserve(text.size() / 4 + 16);
  PlainEncoder plain(vocabulary_, merges_, byte_ids_.data(), whole_words_first_, &ids);
  size_t done = 0;
  for (const Range& range : trusted) {
    const std::string_view up_to_border = text.substr(0, range.end);
    while (true) {
      const auto match = added_.FindIn(up_to_border, std::max(done, range.begin));
      if (match.length == 0) break;
      plain.Encode(text.substr(done, match.begin - done));
      ids.push_back(match.id);
      done = match.begin + match.length;
    }
  }
  plain.Encode(text.substr(done));
  return ids;
}

}  // namespace puna::engine
