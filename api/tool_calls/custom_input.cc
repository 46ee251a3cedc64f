#include "api/tool_calls/custom_input.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "engine/text/utf8.h"

namespace puna::api {
namespace {

constexpr char32_t kReplacement = 0xfffd;

bool IsHigh(char32_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool IsLow(char32_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

// How a text compares to {"input": " with any white space between its parts.
enum class Likeness { kBegins, kIs, kDiffers };
Likeness CompareHead(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  for (const std::string_view part : {"{", "\"input\"", ":", "\""}) {
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
    if (text.size() < part.size()) return part.starts_with(text) ? Likeness::kBegins : Likeness::kDiffers;
    if (!text.starts_with(part)) return Likeness::kDiffers;
    text.remove_prefix(part.size());
  }
  return Likeness::kIs;
}

}  // namespace

std::string CustomInput::Feed(std::string_view json) {
  std::string text;
  for (const char c : json) Take(c, text);
  return text;
}

void CustomInput::Take(char c, std::string& text) {
  if (phase_ == Phase::kHead || phase_ == Phase::kOther) {
    json_ += c;
    if (phase_ == Phase::kHead) TakeHead();
  } else if (phase_ == Phase::kText) {
    if (!escape_.empty()) return TakeEscape(c, text);
    if (c == '\\') {
      escape_ = c;
      return;
    }
    EndPair(text);
    if (c == '"')
      phase_ = Phase::kDone;
    else
      text += c;
  }
}

void CustomInput::TakeHead() {
  const Likeness likeness = CompareHead(json_);
  if (likeness == Likeness::kBegins) return;
  phase_ = likeness == Likeness::kIs ? Phase::kText : Phase::kOther;
}

void CustomInput::TakeEscape(char c, std::string& text) {
  constexpr std::string_view kNames = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  escape_ += c;
  if (escape_[1] != 'u') {
    const size_t known = kNames.find(c);
    escape_.clear();
    return AddUnit(known == kNames.npos ? kReplacement : static_cast<unsigned char>(kMeanings[known]), text);
  }
  if (escape_.size() < 6) return;
  uint32_t unit = kReplacement;
  std::from_chars(escape_.data() + 2, escape_.data() + 6, unit, 16);
  escape_.clear();
  AddUnit(unit, text);
}

void CustomInput::AddUnit(char32_t unit, std::string& text) {
  if (surrogate_ != 0 && IsLow(unit)) {
    text::AppendUtf8(0x10000 + ((surrogate_ - 0xd800) << 10) + (unit - 0xdc00), text);
    surrogate_ = 0;
    return;
  }
  EndPair(text);
  if (IsHigh(unit))
    surrogate_ = unit;
  else
    text::AppendUtf8(IsLow(unit) ? kReplacement : unit, text);
}

// Half a pair without its other half.
void CustomInput::EndPair(std::string& text) {
  if (surrogate_ != 0) text::AppendUtf8(kReplacement, text);
  surrogate_ = 0;
}

std::string CustomInput::Finish() {
  std::string text;
  EndPair(text);
  if (phase_ != Phase::kOther) return text;
  const nlohmann::json value = nlohmann::json::parse(json_, nullptr, /*allow_exceptions=*/false);
  const bool single = value.is_object() && value.size() == 1 && value.front().is_string();
  return single ? value.front().get<std::string>() : json_;
}

}  // namespace puna::api
