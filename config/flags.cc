#include "config/flags.h"

#include <algorithm>
#include <set>
#include <utility>

namespace puna::config {
namespace {

bool IsList(const Option& option) { return std::holds_alternative<ListOption>(option.type); }

class FlagReader {
 public:
  FlagReader(std::span<const Option> rows, std::span<const ExtraFlag> extra, bool knows_markdown,
             std::span<const std::string> arguments)
      : rows_(rows), extra_(extra), knows_markdown_(knows_markdown), arguments_(arguments) {}

  FlagList Read() {
    while (next_ < arguments_.size()) ReadOne(arguments_[next_++]);
    return std::move(list_);
  }

 private:
  void ReadOne(const std::string& argument) {
    if (only_arguments_ || !argument.starts_with('-')) {
      ReadArgument(argument);
    } else if (argument == "--") {
      only_arguments_ = true;
    } else if (argument == "--help" || argument == "-h") {
      list_.help = true;
    } else if (knows_markdown_ && argument == "--help-markdown") {
      list_.help_markdown = true;
    } else {
      ReadFlag(argument);
    }
  }

  void ReadArgument(const std::string& argument) {
    const auto free = [&](const Option& o) { return o.is_argument() && (IsList(o) || !given_.contains(&o)); };
    const auto row = std::ranges::find_if(rows_, free);
    if (row == rows_.end()) RefuseArgument(argument);
    given_.insert(&*row);
    list_.flags.push_back({&*row, "the " + std::string(row->key) + " argument", argument});
  }

  [[noreturn]] void RefuseArgument(const std::string& argument) const {
    std::string why;
    for (const Flag& flag : list_.flags) {
      if (flag.option && given_.contains(flag.option))
        why = ": \"" + flag.value + "\" is the " + std::string(flag.option->key) + " already";
    }
    throw ConfigError("unexpected argument \"" + argument + "\"" + why);
  }

  void ReadFlag(const std::string& argument) {
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const bool joined = equals != std::string::npos;
    const auto value = [&](std::string_view expected) {
      return joined ? argument.substr(equals + 1) : Value(name, std::string(expected));
    };
    if (const auto extra = std::ranges::find(extra_, name, &ExtraFlag::name); extra != extra_.end()) {
      list_.flags.push_back({nullptr, name, value(extra->expected)});
      return;
    }
    const Option* off = name.starts_with("--no-") && !joined ? FindByFlag(rows_, "--" + name.substr(5)) : nullptr;
    if (off && off->is_switch()) {
      list_.flags.push_back({off, name, "false"});
      return;
    }
    const Option* option = FindByFlag(rows_, name);
    if (!option) RefuseFlag(name);
    list_.flags.push_back({option, name, option->is_switch() && !joined ? "true" : value(option->range())});
  }

  [[noreturn]] void RefuseFlag(const std::string& name) const {
    std::vector<std::string> names = {"--help"};
    for (const ExtraFlag& extra : extra_) names.emplace_back(extra.name);
    for (const Option& option : rows_)
      if (option.is_flag()) names.push_back(option.flag());
    throw ConfigError("unknown flag " + name + DidYouMean(name, names) + " (--help lists them all)");
  }

  std::string Value(const std::string& name, const std::string& expected) {
    if (next_ == arguments_.size()) throw ConfigError("flag " + name + ": a value is missing, expected " + expected);
    return arguments_[next_++];
  }

  std::span<const Option> rows_;
  std::span<const ExtraFlag> extra_;
  bool knows_markdown_;
  std::span<const std::string> arguments_;
  size_t next_ = 0;
  bool only_arguments_ = false;
  std::set<const Option*> given_;  // rows that an argument filled
  FlagList list_;
};

}  // namespace

std::string Flag::where() const { return name.starts_with('-') ? "flag " + name : name; }

FlagList ListFlags(std::span<const Option> rows, std::span<const ExtraFlag> extra, bool knows_markdown,
                   std::span<const std::string> arguments) {
  return FlagReader(rows, extra, knows_markdown, arguments).Read();
}

void ApplyFlags(const std::vector<Flag>& flags, void* values) {
  std::set<const Option*> begun;
  for (const Flag& flag : flags) {
    if (!flag.option) continue;
    const auto* list = std::get_if<ListOption>(&flag.option->type);
    std::vector<std::string> all;
    if (list && !begun.insert(flag.option).second) all = list->field.get(values);
    SetOptionText(*flag.option, values, flag.value, flag.where());
    if (!list) continue;
    for (std::string& value : list->field.get(values)) all.push_back(std::move(value));
    list->field.set(values, std::move(all));
  }
}

void CheckRequired(std::span<const Option> rows, const std::vector<Flag>& flags) {
  for (const Option& option : rows) {
    const auto is_it = [&](const Flag& flag) { return flag.option == &option; };
    if (!option.is_required() || std::ranges::any_of(flags, is_it)) continue;
    const std::string what = option.is_flag() ? "flag " + option.flag() + " is missing"
                                              : "the argument " + std::string(option.value) + " is missing";
    throw ConfigError(what + ": " + std::string(option.help));
  }
}

}  // namespace puna::config
