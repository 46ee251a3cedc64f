#include "config/help.h"

#include <nlohmann/json.hpp>

#include "config/options.h"

namespace puna::config {
namespace {

constexpr size_t kColumn = 34;  // where the explanations begin
constexpr size_t kWidth = 100;

// Breaks `text` at spaces; lines after the first are indented to the column.
std::string Wrap(const std::string& text) {
  std::string out;
  size_t line = kColumn;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    if (line > kColumn && line + 1 + (end - begin) > kWidth) {
      out += "\n" + std::string(kColumn, ' ');
      line = kColumn;
    } else if (line > kColumn) {
      out += ' ';
      ++line;
    }
    out += text.substr(begin, end - begin);
    line += end - begin;
    begin = end + 1;
  }
  return out;
}

std::string DefaultText(const Option& option) {
  const auto value = GetAsJson(option, Config{});
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) return "";
  return value.dump();
}

std::string Explanation(const Option& option) {
  std::string text(option.help);
  std::string facts;
  if (const auto* choice = std::get_if<ChoiceOption>(&option.type)) {
    for (const std::string& c : choice->choices) facts += (facts.empty() ? "" : "|") + c;
  } else if (std::holds_alternative<IntegerOption>(option.type) || std::holds_alternative<NumberOption>(option.type)) {
    std::string range = option.range();
    range = range.substr(range.find("from ") + 5);
    facts = range.replace(range.find(" to "), 4, "..");
  }
  const std::string value = DefaultText(option);
  if (!value.empty()) facts += (facts.empty() ? "default " : ", default ") + value;
  return facts.empty() ? text : text + " [" + facts + "]";
}

}  // namespace

std::string OptionsHelp() {
  std::string out;
  std::string_view group;
  for (const Option& option : Options()) {
    if (option.group != group) {
      group = option.group;
      out += "\n" + std::string(group) + "\n";
    }
    std::string head = std::holds_alternative<SwitchOption>(option.type) ? "  --[no-]" : "  --";
    head += option.flag().substr(2);
    if (!option.value.empty()) (head += ' ') += option.value;
    head += head.size() < kColumn - 1 ? std::string(kColumn - head.size(), ' ') : "\n" + std::string(kColumn, ' ');
    out += head + Wrap(Explanation(option)) + "\n";
  }
  return out;
}

std::string OptionsMarkdown() {
  std::string out = "| flag | environment | config file | default | what |\n|---|---|---|---|---|\n";
  for (const Option& option : Options()) {
    const std::string value = DefaultText(option);
    std::string help = std::string(option.help);
    if (!std::holds_alternative<TextOption>(option.type) && !std::holds_alternative<ListOption>(option.type)) {
      help += " (" + option.range() + ")";
    }
    out += "| `" + option.flag() + "` | `" + option.environment() + "` | `" + std::string(option.key) + "` | " +
           (value.empty() ? "" : "`" + value + "`") + " | " + help + " |\n";
  }
  return out;
}

}  // namespace puna::config
