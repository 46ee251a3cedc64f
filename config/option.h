// A row of a table of options. A command's flags, their help, completions and manual come from its table, so that an option is
// added in one place. A table names the members of one struct, of any type: OptionTable<Struct> checks that at compile time, and
// what only reads tables (help, completion, the reader of flags) sees an OptionSet, which does without the struct's type.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace puna::config {

// A value, key or flag that the operator has to change. what() is one line naming where, what was
// found and what may stand there.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Where a row's value is kept in the table's struct.
template <typename T>
struct Field {
  T (*get)(const void* values);
  void (*set)(void* values, T value);
};

// What a row may hold.
struct IntegerOption {
  Field<int> field;
  int min, max;  // of what may be given; a default beyond it stands for none
};
struct NumberOption {
  Field<double> field;
  double min, max;  // as above
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
  std::string (*fault)(const std::string&) = nullptr;  // what is wrong with a value; empty: nothing
};
struct ListOption {
  Field<std::vector<std::string>> field;
};
struct IntegersOption {
  Field<std::vector<int>> field;
  int min, max;  // of each
};
struct NumbersOption {
  Field<std::vector<double>> field;
  double min, max;  // of each
};
using OptionType = std::variant<IntegerOption, NumberOption, SwitchOption, ChoiceOption, TextOption, ListOption,
                                IntegersOption, NumbersOption>;

struct Option {
  // How it is given: by its flag, by its place among the arguments without dashes, or by either. A list takes all arguments that
  // are left.
  enum class Use { kFlag, kRequiredFlag, kArgument, kRequiredArgument, kFlagOrArgument };

  std::string_view key;    // in the JSON file, as in max_num_seqs
  std::string_view group;  // heading in --help
  std::string_view value;  // what stands for the value in --help, as in N or FILE
  std::string_view help;
  OptionType type;
  Use use = Use::kFlag;

  bool is_flag() const { return use != Use::kArgument && use != Use::kRequiredArgument; }
  bool is_argument() const { return !is_flag() || use == Use::kFlagOrArgument; }
  bool is_switch() const { return std::holds_alternative<SwitchOption>(type); }
  bool is_required() const { return use == Use::kRequiredFlag || use == Use::kRequiredArgument; }
  std::string flag() const;         // --max-num-seqs
  std::string environment() const;  // PUNA_MAX_NUM_SEQS
  std::string range() const;        // "a whole number from 1 to 1024"
};

// The rows of a table, and the defaults that they name.
struct OptionSet {
  std::span<const Option> rows;
  const void* defaults = nullptr;
};

// Null when there is none.
const Option* FindByFlag(std::span<const Option> rows, std::string_view flag);

// Sets the option in `values`, a struct of the table's type, from text (flags, environment) or from a JSON value; `where` begins
// the message of a ConfigError. A list is replaced: its text holds values separated by commas.
void SetOptionText(const Option& option, void* values, const std::string& text, const std::string& where);
void SetOptionJson(const Option& option, void* values, const nlohmann::json& value, const std::string& where);

nlohmann::ordered_json GetOption(const Option& option, const void* values);

// "; did you mean NAME?" for the nearest of `names`, or nothing when none is near.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& names);

// An option's type and place, for tables of this struct.
template <typename Struct>
struct OptionOf {
  OptionType type;
};

template <typename Struct>
class OptionTable {
 public:
  struct Row {
    std::string_view key, group, value, help;
    OptionOf<Struct> type;
    Option::Use use = Option::Use::kFlag;
  };
  using Rows = std::vector<Row>;

  // The parts one after the other; texts must outlive the table. `defaults`: where they are not those of a new Struct.
  OptionTable(std::initializer_list<Rows> parts, Struct defaults = {}) : defaults_(std::move(defaults)) {
    for (const Rows& rows : parts) {
      for (const Row& row : rows) rows_.push_back({row.key, row.group, row.value, row.help, row.type.type, row.use});
    }
  }
  OptionTable(const OptionTable&) = delete;

  std::span<const Option> rows() const { return rows_; }
  const Struct& defaults() const { return defaults_; }
  OptionSet set() const { return {rows_, &defaults_}; }

 private:
  std::vector<Option> rows_;
  Struct defaults_;
};

// --- The types of rows, by a path of members: IntegerAt<&Config::server, &ServerConfig::port>(0, 65535) is config.server.port.

template <auto kFirst, auto... kRest>
struct Path {
  template <typename Struct, typename T>
  static Struct StructOf(T Struct::*);
  using Struct = decltype(StructOf(kFirst));

  template <typename AnyStruct>
  static auto& In(AnyStruct& values) {
    return ((values.*kFirst).*....*kRest);
  }
};

template <typename T, auto... kPath>
Field<T> FieldAt() {
  using Struct = typename Path<kPath...>::Struct;
  return {[](const void* values) { return static_cast<T>(Path<kPath...>::In(*static_cast<const Struct*>(values))); },
          [](void* values, T value) {
            auto& member = Path<kPath...>::In(*static_cast<Struct*>(values));
            member = static_cast<std::remove_reference_t<decltype(member)>>(std::move(value));
          }};
}

template <auto... kPath>
using OptionAt = OptionOf<typename Path<kPath...>::Struct>;

template <auto... kPath>
OptionAt<kPath...> IntegerAt(int min, int max) {
  return {IntegerOption{FieldAt<int, kPath...>(), min, max}};
}
template <auto... kPath>
OptionAt<kPath...> NumberAt(double min, double max) {
  return {NumberOption{FieldAt<double, kPath...>(), min, max}};
}
template <auto... kPath>
OptionAt<kPath...> SwitchAt() {
  return {SwitchOption{FieldAt<bool, kPath...>()}};
}
template <auto... kPath>
OptionAt<kPath...> ChoiceAt(std::vector<std::string> choices) {
  return {ChoiceOption{FieldAt<std::string, kPath...>(), std::move(choices)}};
}
template <auto... kPath>
OptionAt<kPath...> TextAt(std::string (*fault)(const std::string&) = nullptr) {
  return {TextOption{FieldAt<std::string, kPath...>(), fault}};
}
template <auto... kPath>
OptionAt<kPath...> ListAt() {
  return {ListOption{FieldAt<std::vector<std::string>, kPath...>()}};
}
template <auto... kPath>
OptionAt<kPath...> IntegersAt(int min, int max) {
  return {IntegersOption{FieldAt<std::vector<int>, kPath...>(), min, max}};
}
template <auto... kPath>
OptionAt<kPath...> NumbersAt(double min, double max) {
  return {NumbersOption{FieldAt<std::vector<double>, kPath...>(), min, max}};
}

}  // namespace puna::config
