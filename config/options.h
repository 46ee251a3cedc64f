// The table of options: one row per option. Flags, environment names, the JSON config file, --help
// and the README's table all come from it, so that an option is added in one place.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "config/config.h"

namespace puna::config {

// A value, key or flag that the operator has to change. what() is one line naming where, what was
// found and what may stand there.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Where a row's value is kept: field(config), to be written unless config is const.
template <typename T>
class Field {
 public:
  Field(T& (*writable)(Config&), const T& (*readable)(const Config&)) : writable_(writable), readable_(readable) {}
  T& operator()(Config& config) const { return writable_(config); }
  const T& operator()(const Config& config) const { return readable_(config); }

 private:
  T& (*writable_)(Config&);
  const T& (*readable_)(const Config&);
};

// What a row may hold.
struct IntegerOption {
  Field<int> field;
  int min, max;
};
struct NumberOption {
  Field<double> field;
  double min, max;
};
struct SwitchOption {
  Field<bool> field;
};
struct ChoiceOption {
  Field<std::string> field;
  std::vector<std::string> choices;
};
struct TextOption {
  Field<std::string> field;
};
struct ListOption {
  Field<std::vector<std::string>> field;
};
using OptionType = std::variant<IntegerOption, NumberOption, SwitchOption, ChoiceOption, TextOption, ListOption>;

struct Option {
  std::string_view key;    // in the JSON file, as in max_num_seqs
  std::string_view group;  // heading in --help
  std::string_view value;  // what stands for the value in --help, as in N or FILE
  std::string_view help;
  OptionType type;

  std::string flag() const;         // --max-num-seqs
  std::string environment() const;  // PUNA_MAX_NUM_SEQS
  std::string range() const;        // "a whole number from 1 to 1024"
};

std::span<const Option> Options();

// Null when there is none.
const Option* FindByKey(std::string_view key);
const Option* FindByFlag(std::string_view flag);

// Sets the option from text (flags, environment) or from a JSON value; `where` begins the message
// of a ConfigError. A list is replaced: its text holds values separated by commas.
void SetFromText(const Option& option, Config& config, const std::string& text, const std::string& where);
void SetFromJson(const Option& option, Config& config, const nlohmann::json& value, const std::string& where);

nlohmann::ordered_json GetAsJson(const Option& option, const Config& config);

// Every key with its value, in the order of the table.
nlohmann::ordered_json ToJson(const Config& config);

// ", did you mean NAME?" for the nearest of `names`, or nothing when none is near.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& names);

}  // namespace puna::config
