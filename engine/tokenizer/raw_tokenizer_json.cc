#include "engine/tokenizer/raw_tokenizer_json.h"

#include <algorithm>
#include <array>

#include "engine/tokenizer/load_error.h"

namespace puna::engine {
namespace {

using nlohmann::json;
using Event = json::parse_event_t;

constexpr int kMaxDepth = 64;
// Outside vocab and merges; a real file has some hundred containers and some thousand values. At
// the end of each object the parser looks through its parent, so its time may grow with the product
// of the two.
constexpr int kMaxContainers = 1 << 13;
constexpr int kMaxValues = 1 << 17;
constexpr size_t kMaxJsonBytes = size_t{128} << 20;
constexpr std::array<std::string_view, 6> kUsedKeys = {"added_tokens",   "decoder",    "model",
                                                       "post_processor", "normalizer", "pre_tokenizer"};

// Follows the parser's events. Depths are the parser's: 1 inside the file's object, 2 inside
// `model`, 3 inside `vocab`.
class Reader {
 public:
  explicit Reader(std::string_view source) : source_(source) {}

  // Returns whether the parser is to keep what it has just read.
  bool OnEvent(int depth, Event event, const json& parsed) {
    if (depth > kMaxDepth) {
      ThrowLoadError(source_, "", "JSON nested at most 64 deep", "deeper nesting", kRemedyDamaged);
    }
    if (event == Event::key && depth <= 2) {
      return OnKey(depth, parsed.get_ref<const std::string&>());
    }
    if (where_ == Where::kVocab && depth >= 3) return OnVocab(event, parsed);
    if (where_ == Where::kMerges && depth >= 3) return OnMerges(depth, event, parsed);
    if (where_ == Where::kAdded && depth >= 2) return OnAdded(depth, event, parsed);
    if (where_ == Where::kConfig) Count(event);
    return true;
  }

  RawTokenizerJson Take() { return std::move(raw_); }

 private:
  enum class Where { kIgnored, kConfig, kVocab, kMerges, kAdded };

  bool OnKey(int depth, const std::string& key) {
    if (depth == 1) {
      in_model_ = key == "model";
      where_ = std::find(kUsedKeys.begin(), kUsedKeys.end(), key) != kUsedKeys.end() ? Where::kConfig : Where::kIgnored;
      if (key == "added_tokens") where_ = Where::kAdded;
      return where_ != Where::kIgnored;
    }
    if (in_model_) {
      where_ = key == "vocab" ? Where::kVocab : key == "merges" ? Where::kMerges : Where::kConfig;
    }
    return true;
  }

  void Count(Event event) {
    containers_ += event == Event::object_start || event == Event::array_start;
    if (++values_ > kMaxValues || containers_ > kMaxContainers) {
      ThrowLoadError(source_, "", "a tokenizer", "far more entries than any tokenizer has", kRemedyDamaged);
    }
  }

  bool OnVocab(Event event, const json& parsed) {
    if (event == Event::key) {
      key_ = parsed.get_ref<const std::string&>();
      return false;
    }
    if (event != Event::value || !parsed.is_number_integer()) {
      ThrowLoadError(source_, "model.vocab", "a whole number for each token", "another type at token '" + key_ + "'",
                     kRemedyFamily);
    }
    raw_.vocab.push_back({Append(key_), static_cast<uint32_t>(key_.size()), IdOf(parsed)});
    return false;
  }

  // Each entry is taken out of the parser's tree, which would be looked through at the end of the next one: some models have
  // tens of thousands.
  bool OnAdded(int depth, Event event, const json& parsed) {
    if (depth == 2 && event == Event::object_end) {
      raw_.added.push_back(parsed);
      return false;
    }
    const bool member = depth == 3 && (event == Event::key || event == Event::value);
    if ((depth == 2 && event == Event::object_start) || member) return true;
    ThrowLoadError(source_, "added_tokens[" + std::to_string(raw_.added.size()) + "]", "an object of plain values",
                   "another type", kRemedyDamaged);
  }

  // An unsigned number that int64_t cannot hold is out of range all the same.
  static int64_t IdOf(const json& number) {
    if (!number.is_number_unsigned()) return number.get<int64_t>();
    return static_cast<int64_t>(std::min<uint64_t>(number.get<uint64_t>(), INT64_MAX));
  }

  bool OnMerges(int depth, Event event, const json& parsed) {
    const bool is_text = event == Event::value && parsed.is_string();
    if (depth == 3 && is_text) {
      AddSpelledMerge(parsed.get_ref<const std::string&>());
    } else if (depth == 3 && event == Event::array_start) {
      pair_.clear();
      return true;
    } else if (depth == 4 && is_text && pair_.size() < 2) {
      pair_.push_back(parsed.get_ref<const std::string&>());
    } else if (depth == 3 && event == Event::array_end && pair_.size() == 2) {
      AddMerge(pair_[0], pair_[1]);
    } else {
      RefuseMerge("another type or length");
    }
    return false;
  }

  void AddSpelledMerge(std::string_view merge) {
    const size_t space = merge.find(' ');
    if (space == std::string_view::npos || merge.find(' ', space + 1) != std::string_view::npos) {
      RefuseMerge("'" + std::string(merge) + "'");
    }
    AddMerge(merge.substr(0, space), merge.substr(space + 1));
  }

  void AddMerge(std::string_view left, std::string_view right) {
    raw_.merges.push_back({Append(left), static_cast<uint32_t>(left.size()), static_cast<uint32_t>(right.size())});
    Append(right);
  }

  [[noreturn]] void RefuseMerge(const std::string& found) const {
    ThrowLoadError(source_, "model.merges[" + std::to_string(raw_.merges.size()) + "]",
                   "\"left right\" or [\"left\", \"right\"]", found, kRemedyDamaged);
  }

  uint32_t Append(std::string_view s) {
    const auto begin = static_cast<uint32_t>(raw_.text.size());
    raw_.text += s;
    return begin;
  }

  const std::string_view source_;
  RawTokenizerJson raw_;
  Where where_ = Where::kIgnored;
  bool in_model_ = false;
  int containers_ = 0;
  int values_ = 0;
  std::string key_;                // of the vocab entry being read
  std::vector<std::string> pair_;  // the merge being read
};

}  // namespace

RawTokenizerJson ReadRawTokenizerJson(std::string_view text, std::string_view source) {
  if (text.size() > kMaxJsonBytes) {
    ThrowLoadError(source, "", "at most 128 MiB", std::to_string(text.size()) + " bytes",
                   "this is not a tokenizer file");
  }
  Reader reader(source);
  json config;
  try {
    config = json::parse(text.begin(), text.end(), [&reader](int depth, Event event, json& parsed) {
      return reader.OnEvent(depth, event, parsed);
    });
  } catch (const json::exception& e) {
    ThrowLoadError(source, "", "JSON", e.what(), kRemedyDamaged);
  }
  RawTokenizerJson raw = reader.Take();
  raw.config = std::move(config);
  return raw;
}

}  // namespace puna::engine
