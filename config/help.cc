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

// A default out of the row's range stands for none.
bool HasDefault(const Option& option, const nlohmann::ordered_json& value) {
  const auto within = [&](const auto& o) { return value >= o.min && value <= o.max; };
  if (const auto* integer = std::get_if<IntegerOption>(&option.type)) return within(*integer);
  if (const auto* number = std::get_if<NumberOption>(&option.type)) return within(*number);
  return true;
}

std::string DefaultText(const Option& option, const void* defaults) {
  const auto value = GetOption(option, defaults);
  if (!HasDefault(option, value)) return "";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string all;
  for (const auto& item : value)
    all += (all.empty() ? "" : ",") + (item.is_string() ? item.get<std::string>() : item.dump());
  return all;
}

// What is written for a row: "--[no-]pack", "--threads N", "[OUT]".
std::string Head(const Option& option) {
  if (!option.is_flag()) return std::string(option.value);
  std::string head = option.is_switch() ? "--[no-]" : "--";
  head += option.flag().substr(2);
  return option.value.empty() ? head : head + " " + std::string(option.value);
}

// "from 1 to 16" as "1..16".
std::string Facts(const Option& option) {
  std::string facts;
  if (const auto* choice = std::get_if<ChoiceOption>(&option.type)) {
    for (const std::string& c : choice->choices) facts += (facts.empty() ? "" : "|") + c;
  } else if (const std::string range = option.range(); range.find("from ") != std::string::npos) {
    facts = range.substr(range.find("from ") + 5);
    facts.replace(facts.find(" to "), 4, "..");
  }
  return facts;
}

}  // namespace

std::string Explanation(const Option& option, const void* defaults) {
  std::string facts = Facts(option);
  if (const std::string value = DefaultText(option, defaults); !value.empty())
    facts += (facts.empty() ? "default " : ", default ") + value;
  if (option.is_required()) facts += facts.empty() ? "required" : ", required";
  return std::string(option.help) + (facts.empty() ? "" : " [" + facts + "]");
}

std::string OptionsHelp(const OptionSet& options) {
  std::string out;
  std::string_view group;
  for (const Option& option : options.rows) {
    if (option.group != group) {
      group = option.group;
      out += "\n" + std::string(group) + "\n";
    }
    std::string head = "  " + Head(option);
    head += head.size() < kColumn - 1 ? std::string(kColumn - head.size(), ' ') : "\n" + std::string(kColumn, ' ');
    out += head + Wrap(Explanation(option, options.defaults)) + "\n";
  }
  return out;
}

std::string CommandHelp(std::string_view command, std::string_view text, const OptionSet& options) {
  std::string usage(command), flags;
  for (const Option& option : options.rows) {
    if (option.use == Option::Use::kRequiredFlag) flags += " " + Head(option);
    if (option.is_flag()) continue;
    const std::string more = std::holds_alternative<ListOption>(option.type) ? "..." : "";
    usage += option.is_required() ? " " + Head(option) + more : " [" + Head(option) + more + "]";
  }
  return usage + flags + " [options]: " + std::string(text) + OptionsHelp(options);
}

std::string OptionsMarkdown() {
  const OptionSet options = ServeOptions();
  std::string out = "| flag | environment | config file | default | what |\n|---|---|---|---|---|\n";
  for (const Option& option : options.rows) {
    const std::string value = DefaultText(option, options.defaults);
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
