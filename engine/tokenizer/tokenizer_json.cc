// Hugging Face's tokenizer.json: checks that it describes a tokenizer of Llama 3's family, and
// builds it.
#include <array>
#include <string>
#include <unordered_map>
#include <utility>

#include "engine/text/utf8.h"
#include "engine/tokenizer/load_error.h"
#include "engine/tokenizer/pretokenize.h"
#include "engine/tokenizer/raw_tokenizer_json.h"
#include "engine/tokenizer/tokenizer_parts.h"

namespace puna::engine {
namespace {

using nlohmann::json;

// Byte-level BPE files spell each byte as a printable character: the printable ones of Latin-1
// stand for themselves, the others, in order, for U+0100 and up.
constexpr std::array<int16_t, 324> kByteOfChar = [] {
  std::array<int16_t, 324> table{};
  table.fill(-1);
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    table[itself ? byte : next++] = static_cast<int16_t>(byte);
  }
  return table;
}();

// The bytes that `spelling` (valid UTF-8) stands for; false if a character stands for none.
bool BytesOfSpelling(std::string_view spelling, std::string* bytes) {
  bytes->clear();
  for (size_t pos = 0; pos < spelling.size();) {
    size_t length;
    const uint32_t c = text::DecodeValidUtf8(spelling.data() + pos, &length);
    if (c >= kByteOfChar.size() || kByteOfChar[c] < 0) return false;
    bytes->push_back(static_cast<char>(kByteOfChar[c]));
    pos += length;
  }
  return true;
}

std::string Shown(const json& value) {
  if (value.is_string()) return "'" + value.get<std::string>() + "'";
  return value.dump(-1, ' ', true, json::error_handler_t::replace);
}

// The member, or null where there is none.
const json& Member(const json& object, const char* key) {
  static const json kNull;
  if (!object.is_object()) return kNull;
  const auto at = object.find(key);
  return at == object.end() ? kNull : *at;
}

class Builder {
 public:
  Builder(const RawTokenizerJson& raw, std::string_view source, int vocab_size)
      : raw_(raw), source_(source), vocab_size_(vocab_size) {}

  TokenizerParts Build() {
    if (!raw_.config.is_object()) {
      ThrowLoadError(source_, "", "a JSON object", raw_.config.type_name(), "this is not a tokenizer.json");
    }
    CheckModel(Member(raw_.config, "model"));
    CheckPreTokenizer(Member(raw_.config, "pre_tokenizer"));
    const json& normalizer = Member(raw_.config, "normalizer");
    Require(normalizer.is_null(), "normalizer", "null", normalizer);
    const json& decoder = Member(raw_.config, "decoder");
    Require(Member(decoder, "type") == "ByteLevel", "decoder.type", "'ByteLevel'", decoder);
    ReadAdded(Member(raw_.config, "added_tokens"));
    ReadFirstToken(Member(raw_.config, "post_processor"));
    AddBaseTokens();
    AddAddedTokens();
    AddMerges();
    return std::move(parts_);
  }

 private:
  void Require(bool holds, std::string_view where, std::string_view expected, const json& found,
               std::string_view remedy = kRemedyFamily) const {
    if (!holds) ThrowLoadError(source_, where, expected, Shown(found), remedy);
  }

  void CheckModel(const json& model) {
    const json& type = Member(model, "type");
    Require(type == "BPE", "model.type", "'BPE'", type);
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const json& affix = Member(model, key);
      Require(affix.is_null() || affix == "", std::string("model.") + key, "null", affix);
    }
    const json& dropout = Member(model, "dropout");
    Require(dropout.is_null() || (dropout.is_number() && dropout.get<double>() == 0), "model.dropout", "null", dropout);
    const json& vocab = Member(model, "vocab");
    Require(vocab.is_object(), "model.vocab", "an object of tokens and ids", vocab, kRemedyDamaged);
    const json& merges = Member(model, "merges");
    Require(merges.is_array(), "model.merges", "an array of pairs", merges, kRemedyDamaged);
    const json& ignore_merges = Member(model, "ignore_merges");
    Require(ignore_merges.is_null() || ignore_merges.is_boolean(), "model.ignore_merges", "true or false",
            ignore_merges, kRemedyDamaged);
    parts_.whole_words_first = ignore_merges == true;
  }

  void CheckPreTokenizer(const json& pre) const {
    const std::string where = "pre_tokenizer";
    const json& steps = Member(pre, "pretokenizers");
    Require(Member(pre, "type") == "Sequence" && steps.is_array() && steps.size() == 2, where,
            "Llama 3's Sequence of Split and ByteLevel", pre);
    const json& split = steps[0];
    const std::string first = where + ".pretokenizers[0]";
    Require(Member(split, "type") == "Split", first + ".type", "'Split'", split);
    const json& regex = Member(Member(split, "pattern"), "Regex");
    Require(regex == std::string(kLlama3SplitPattern), first + ".pattern.Regex",
            "Llama 3's pattern '" + std::string(kLlama3SplitPattern) + "'", Member(split, "pattern"));
    Require(Member(split, "behavior") == "Isolated", first + ".behavior", "'Isolated'", Member(split, "behavior"));
    Require(Member(split, "invert") == false, first + ".invert", "false", Member(split, "invert"));
    const json& bytes = steps[1];
    const bool plain = Member(bytes, "type") == "ByteLevel" && Member(bytes, "add_prefix_space") == false &&
                       Member(bytes, "use_regex") == false;
    Require(plain, where + ".pretokenizers[1]", "ByteLevel without prefix space and without regex", bytes);
  }

  void ReadAdded(const json& list) {
    Require(list.is_null() || list.is_array(), "added_tokens", "an array", list, kRemedyDamaged);
    for (const json& entry : raw_.added) {
      const std::string where = "added_tokens[" + std::to_string(parts_.added.size()) + "]";
      const json& content = Member(entry, "content");
      Require(content.is_string() && !content.get_ref<const std::string&>().empty() &&
                  content.get_ref<const std::string&>().size() <= Vocabulary::kMaxTokenBytes,
              where + ".content", "a text of 1 to 1024 bytes", content, kRemedyDamaged);
      const json& id = Member(entry, "id");
      Require(id.is_number_unsigned() && id.get<uint64_t>() < Vocabulary::kMaxTokens, where + ".id",
              "a number from 0 to 1048575", id, kRemedyDamaged);
      for (const char* flag : {"lstrip", "rstrip", "single_word"}) {
        const json& value = Member(entry, flag);
        Require(value.is_null() || value == false, where + "." + flag, "false", value, "this flag is not supported");
      }
      const json& special = Member(entry, "special");
      Require(special.is_null() || special.is_boolean(), where + ".special", "true or false", special, kRemedyDamaged);
      const auto& text = content.get_ref<const std::string&>();
      const AddedToken token{id.get<TokenId>(), text, special == true};
      Require(added_.emplace(text, token).second, where + ".content", "each text once", content, kRemedyDamaged);
      if (token.id < vocab_size_) parts_.added.push_back(token);
    }
  }

  // A TemplateProcessing, alone or in a Sequence, says what stands before a text.
  void ReadFirstToken(const json& processor) {
    if (Member(processor, "type") == "Sequence") {
      for (const json& step : Member(processor, "processors")) ReadFirstToken(step);
    }
    if (Member(processor, "type") != "TemplateProcessing") return;
    parts_.first_token = "";
    const json& single = Member(processor, "single");
    if (!single.is_array() || single.empty()) return;
    const json& id = Member(Member(single[0], "SpecialToken"), "id");
    if (id.is_string()) parts_.first_token = id.get<std::string>();
  }

  void AddBaseTokens() {
    std::string bytes;
    for (const RawTokenizerJson::Entry& entry : raw_.vocab) {
      const std::string spelling(raw_.Text(entry));
      const auto refuse = [&](std::string_view expected, std::string_view found) {
        ThrowLoadError(source_, "model.vocab['" + spelling + "']", expected, found, kRemedyDamaged);
      };
      if (entry.id < 0 || entry.id >= Vocabulary::kMaxTokens) {
        refuse("an id from 0 to 1048575", std::to_string(entry.id));
      }
      const auto id = static_cast<TokenId>(entry.id);
      const bool spelt = BytesOfSpelling(spelling, &bytes);
      const auto added = added_.find(spelling);
      // Listed in both places: a special token must not be found in plain text, a word may.
      if (added != added_.end() && added->second.id == id && (added->second.special || !spelt)) continue;
      if (!spelt) refuse("characters that stand for bytes", "others");
      if (bytes.empty() || bytes.size() > Vocabulary::kMaxTokenBytes) {
        refuse("1 to 1024 bytes", std::to_string(bytes.size()));
      }
      if (parts_.vocabulary.Has(id)) refuse("an id of its own", "the id of another token, " + std::to_string(id));
      if (parts_.vocabulary.Find(bytes) != kNoToken) refuse("each token once", "it a second time");
      parts_.vocabulary.AddBase(id, bytes);
    }
    for (int byte = 0; byte < 256; ++byte) {
      const char c = static_cast<char>(byte);
      if (parts_.vocabulary.Find({&c, 1}) != kNoToken) continue;
      ThrowLoadError(source_, "model.vocab", "all 256 single bytes", "no token for byte " + std::to_string(byte),
                     kRemedyFamily);
    }
  }

  void AddAddedTokens() {
    for (const AddedToken& token : parts_.added) {
      if (parts_.vocabulary.Has(token.id)) {
        if (!token.special && parts_.vocabulary.Bytes(token.id) == token.text) continue;
        ThrowLoadError(source_, "added_tokens: '" + token.text + "'", "an id of its own",
                       "the id of another token, " + std::to_string(token.id), kRemedyDamaged);
      }
      parts_.vocabulary.AddText(token.id, token.text);
    }
  }

  void AddMerges() {
    const Vocabulary& vocabulary = parts_.vocabulary;
    if (raw_.merges.size() >= MergeTable::kNoMerge) {
      ThrowLoadError(source_, "model.merges", "fewer than 16777215", std::to_string(raw_.merges.size()),
                     kRemedyDamaged);
    }
    std::string left, right;
    TokenId result = kNoToken;  // kept: real files list all merges of a token together
    for (uint32_t rank = 0; rank < raw_.merges.size(); ++rank) {
      const RawTokenizerJson::Merge& merge = raw_.merges[rank];
      const auto refuse = [&](std::string_view expected, std::string_view found) {
        ThrowLoadError(
            source_, "model.merges[" + std::to_string(rank) + "]", expected,
            "'" + std::string(raw_.Left(merge)) + " " + std::string(raw_.Right(merge)) + "' " + std::string(found),
            kRemedyDamaged);
      };
      const bool spelt = BytesOfSpelling(raw_.Left(merge), &left) && BytesOfSpelling(raw_.Right(merge), &right);
      const TokenId left_id = spelt ? vocabulary.Find(left) : kNoToken;
      const TokenId right_id = spelt ? vocabulary.Find(right) : kNoToken;
      left += right;
      if (vocabulary.Bytes(result) != left) result = spelt ? vocabulary.Find(left) : kNoToken;
      if (left_id == kNoToken || right_id == kNoToken || result == kNoToken || right.empty()) {
        refuse("two tokens that make a third, all in model.vocab", "with a token that is not");
      }
      if (!parts_.merges.Add(left_id, right_id, rank, result)) refuse("each pair once", "a second time");
    }
  }

  const RawTokenizerJson& raw_;
  const std::string_view source_;
  const int vocab_size_;
  TokenizerParts parts_;
  std::unordered_map<std::string, AddedToken> added_;  // parts_.added by text
};

}  // namespace

TokenizerParts ParseTokenizerJson(std::string_view json, std::string_view source, int vocab_size) {
  return Builder(ReadRawTokenizerJson(json, source), source, vocab_size).Build();
}

}  // namespace puna::engine
