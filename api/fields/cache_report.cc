#include "api/fields/cache_report.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

namespace puna::api {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsBreak(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '"' || c == ',' || c == ';'; }

// Both halves of the word that the difference cuts.
std::string CutWord(const std::string& context, const std::string& now) {
  auto begin = context.end();
  while (begin != context.begin() && !IsBreak(*(begin - 1))) --begin;
  const auto first = begin == context.end() ? std::ranges::find_if_not(now, IsBreak) : now.begin();
  return std::string(begin, context.end()) + std::string(first, std::find_if(first, now.end(), IsBreak));
}

// Whether a digit stands on both sides of `mark` somewhere.
bool HasBetweenDigits(const std::string& word, char mark) {
  for (size_t i = 1; i + 1 < word.size(); ++i) {
    if (word[i] == mark && IsDigit(word[i - 1]) && IsDigit(word[i + 1])) return true;
  }
  return false;
}

bool NamesMonth(const std::string& text) {
  return std::ranges::any_of(kMonths, [&](std::string_view month) { return text.find(month) != std::string::npos; });
}

// As hexadecimal digits with dashes, long enough to be no word: a UUID, a hash, an id of a request.
bool IsIdentifier(const std::string& word) {
  const auto digits = std::ranges::count_if(word, IsDigit);
  const bool only = std::ranges::all_of(word, [](char c) { return IsHex(c) || c == '-' || c == '_'; });
  const bool mixed =
      std::ranges::all_of(word, [](unsigned char c) { return c < 128 && (std::isalnum(c) || c == '-' || c == '_'); });
  return (only && word.size() >= 8 && digits >= 2) || (mixed && word.size() >= 12 && digits >= 3);
}

const char* NameOf(CacheReport::Reason reason) {
  switch (reason) {
    case CacheReport::Reason::kFound:
      return "found";
    case CacheReport::Reason::kDifferent:
      return "different";
    case CacheReport::Reason::kNotKept:
      return "not_kept";
    case CacheReport::Reason::kWanted:
      return "logprobs_of_prompt_wanted";
    case CacheReport::Reason::kOff:
      return "prefix_caching_off";
  }
  return "";
}

}  // namespace

std::string KindOfDifference(const std::string& context, const std::string& now) {
  const std::string word = CutWord(context, now);
  const bool has_digit = std::ranges::any_of(word, IsDigit);
  if (HasBetweenDigits(word, ':')) return "time";
  const bool is_number = has_digit && std::ranges::all_of(word, [](char c) { return IsDigit(c) || c == '.'; });
  if (std::ranges::count(word, '-') == 2 && word.size() <= 20 && HasBetweenDigits(word, '-')) return "date";
  if (HasBetweenDigits(word, '/')) return "date";
  const size_t near = context.size() - std::min<size_t>(context.size(), 12);
  if ((is_number && word.size() <= 4 && NamesMonth(context.substr(near) + now)) || NamesMonth(word)) return "date";
  if (is_number) return "number";
  return IsIdentifier(word) ? "identifier" : "text";
}

Json CacheReportJson(const CacheReport& report) {
  Json json = {{"memory_tokens", report.memory_tokens},
               {"disk_tokens", report.disk_tokens},
               {"copied_tokens", report.copied_tokens},
               {"computed_tokens", report.computed_tokens},
               {"first_difference", nullptr}};
  if (report.reason == CacheReport::Reason::kFound) return json;
  Json& difference = json["first_difference"];
  difference = {{"position", report.position}, {"reason", NameOf(report.reason)}};
  if (report.reason == CacheReport::Reason::kDifferent)
    difference["kind"] = KindOfDifference(report.context, report.now);
  difference["context"] = report.context;
  difference["now"] = report.now;
  if (report.before) difference["before"] = *report.before;
  return json;
}

}  // namespace puna::api
