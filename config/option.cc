#include "config/option.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace puna::config {
namespace {

std::string Join(const std::vector<std::string>& parts, const std::string& separator) {
  std::string joined;
  for (const std::string& part : parts) joined += (joined.empty() ? "" : separator) + part;
  return joined;
}

// Shortest decimal that reads back the same.
std::string Print(double x) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, x, std::chars_format::fixed).ptr;
  return std::string(buffer, end);
}

[[noreturn]] void Refuse(const Option& option, const std::string& found, const std::string& where) {
  const std::string clue = found.rfind("tcp://", 0) == 0
                               ? " (Kubernetes sets such variables for a service named puna: set "
                                 "enableServiceLinks: false)"
                               : "";
  throw ConfigError(where + ": found \"" + found + "\", expected " + option.range() + clue);
}

// What stands there, or only of what type it is: an option that takes texts may hold a key for clients.
[[noreturn]] void RefuseJson(const Option& option, const nlohmann::json& found, const std::string& where) {
  const bool takes_text =
      std::holds_alternative<TextOption>(option.type) || std::holds_alternative<ListOption>(option.type);
  if (!takes_text && found.is_primitive()) Refuse(option, found.dump(), where);
  throw ConfigError(where + ": found a value of type " + found.type_name() + ", expected " + option.range());
}

template <typename T>
std::optional<T> Parse(const std::string& text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (text.empty() || result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return value;
}

std::optional<bool> ParseSwitch(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* yes : {"true", "1", "on", "yes"})
    if (text == yes) return true;
  for (const char* no : {"false", "0", "off", "no"})
    if (text == no) return false;
  return std::nullopt;
}

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// "a, b": what stands between commas, without the spaces around it.
std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = Trimmed(text.substr(begin, end - begin));
    if (!part.empty()) parts.push_back(part);
    begin = end + 1;
  }
  return parts;
}

// Of a row that holds several.
template <typename T, typename Type>
void SetNumbers(const Option& option, const Type& type, void* values, const std::string& text,
                const std::string& where) {
  std::vector<T> all;
  for (const std::string& part : Split(text)) {
    const auto value = Parse<T>(part);
    if (!value || *value < type.min || *value > type.max) Refuse(option, text, where);
    all.push_back(*value);
  }
  if (all.empty()) Refuse(option, text, where);
  type.field.set(values, all);
}

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

}  // namespace

std::string Option::flag() const {
  std::string name = "--" + std::string(key);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string Option::environment() const {
  std::string name = "PUNA_" + std::string(key);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  return name;
}

std::string Option::range() const {
  return std::visit(Overloaded{
                        [](const IntegerOption& o) {
                          return "a whole number from " + std::to_string(o.min) + " to " + std::to_string(o.max);
                        },
                        [](const NumberOption& o) { return "a number from " + Print(o.min) + " to " + Print(o.max); },
                        [](const SwitchOption&) { return std::string("true or false"); },
                        [](const ChoiceOption& o) { return "one of " + Join(o.choices, ", "); },
                        [](const TextOption&) { return std::string("text"); },
                        [](const ListOption&) { return std::string("text, or a list of texts"); },
                        [](const IntegersOption& o) {
                          return "whole numbers from " + std::to_string(o.min) + " to " + std::to_string(o.max) +
                                 ", separated by commas";
                        },
                        [](const NumbersOption& o) {
                          return "numbers from " + Print(o.min) + " to " + Print(o.max) + ", separated by commas";
                        },
                    },
                    type);
}

const Option* FindByFlag(std::span<const Option> rows, std::string_view flag) {
  for (const Option& option : rows)
    if (option.is_flag() && option.flag() == flag) return &option;
  return nullptr;
}

void SetOptionText(const Option& option, void* values, const std::string& text, const std::string& where) {
  std::visit(Overloaded{
                 [&](const IntegerOption& o) {
                   const auto value = Parse<int>(text);
                   if (!value || *value < o.min || *value > o.max) Refuse(option, text, where);
                   o.field.set(values, *value);
                 },
                 [&](const NumberOption& o) {
                   const auto value = Parse<double>(text);
                   if (!value || !(*value >= o.min && *value <= o.max)) Refuse(option, text, where);
                   o.field.set(values, *value);
                 },
                 [&](const SwitchOption& o) {
                   const auto value = ParseSwitch(text);
                   if (!value) Refuse(option, text, where);
                   o.field.set(values, *value);
                 },
                 [&](const ChoiceOption& o) {
                   if (std::find(o.choices.begin(), o.choices.end(), text) == o.choices.end()) {
                     throw ConfigError(where + ": found \"" + text + "\", expected " + option.range() +
                                       DidYouMean(text, o.choices));
                   }
                   o.field.set(values, text);
                 },
                 [&](const TextOption& o) {
                   if (const std::string fault = o.fault ? o.fault(text) : ""; !fault.empty())
                     throw ConfigError(where + ": " + fault);
                   o.field.set(values, text);
                 },
                 [&](const ListOption& o) {
                   const std::vector<std::string> parts = Split(text);
                   // Commas alone are a mistake: for the keys it would open the server to everybody.
                   if (parts.empty() && !text.empty()) Refuse(option, text, where);
                   o.field.set(values, parts);
                 },
                 [&](const IntegersOption& o) { SetNumbers<int>(option, o, values, text, where); },
                 [&](const NumbersOption& o) { SetNumbers<double>(option, o, values, text, where); },
             },
             option.type);
}

void SetOptionJson(const Option& option, void* values, const nlohmann::json& value, const std::string& where) {
  if (const auto* list = std::get_if<ListOption>(&option.type); list && value.is_array()) {
    std::vector<std::string> items;
    for (const auto& item : value) {
      if (!item.is_string()) RefuseJson(option, item, where);
      items.push_back(item.get<std::string>());
    }
    list->field.set(values, std::move(items));
    return;
  }
  const bool fits = std::visit(Overloaded{
                                   [&](const IntegerOption&) { return value.is_number_integer(); },
                                   [&](const NumberOption&) { return value.is_number(); },
                                   [&](const SwitchOption&) { return value.is_boolean(); },
                                   [&](const auto&) { return value.is_string(); },
                               },
                               option.type);
  if (!fits) RefuseJson(option, value, where);
  SetOptionText(option, values, value.is_string() ? value.get<std::string>() : value.dump(), where);
}

nlohmann::ordered_json GetOption(const Option& option, const void* values) {
  return std::visit([&](const auto& o) { return nlohmann::ordered_json(o.field.get(values)); }, option.type);
}

std::string DidYouMean(std::string_view name, const std::vector<std::string>& names) {
  // Levenshtein's distance, one row at a time.
  const auto distance = [](std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 0; i < a.size(); ++i) {
      size_t diagonal = std::exchange(row[0], i + 1);
      for (size_t j = 0; j < b.size(); ++j) {
        const size_t replace = diagonal + (a[i] == b[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({replace, row[j] + 1, diagonal + 1});
      }
    }
    return row.back();
  };
  const std::string* best = nullptr;
  size_t least = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : names) {
    if (candidate.empty()) continue;  // a short word is near to nothing at all
    const size_t d = distance(name, candidate);
    if (d < least) {
      least = d;
      best = &candidate;
    }
  }
  return best ? "; did you mean " + *best + "?" : "";
}

}  // namespace puna::config
