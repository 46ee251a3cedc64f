// Reads a command's arguments by its table of options.
//
// Flags are "--name value", "--name=value", and for a switch "--name" or "--no-name"; what stands without dashes, or behind "--",
// fills the table's arguments in their order. The parsing is our own and not a library's: flags, environment and file then share
// one setter, one wording of errors and one list of names to suggest from, and there is nothing to register twice.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/option.h"

namespace puna::config {

// A flag that no row of the table stands for, with a value always.
struct ExtraFlag {
  std::string_view name;      // "--config"
  std::string_view expected;  // what a missing value is told, as in "a file"
};

struct Flag {
  const Option* option;     // null: an extra one
  std::string name, value;  // name: as it was written, or "the model argument"

  std::string where() const;  // for messages
};

struct FlagList {
  std::vector<Flag> flags;
  bool help = false;           // --help or -h
  bool help_markdown = false;  // --help-markdown, where it is known
};

// Takes arguments apart and sets nothing. Throws ConfigError.
FlagList ListFlags(std::span<const Option> rows, std::span<const ExtraFlag> extra, bool knows_markdown,
                   std::span<const std::string> arguments);

// Sets those of the table in `values`, a struct of its type. A flag that stands several times adds to its list; for everything
// else the last one counts. Throws ConfigError.
void ApplyFlags(const std::vector<Flag>& flags, void* values);

// Throws ConfigError for a required row that is not among the flags.
void CheckRequired(std::span<const Option> rows, const std::vector<Flag>& flags);

// A whole command line. False: help is asked for, and `values` is as it was. Throws ConfigError.
template <typename Struct>
bool ReadOptions(const OptionTable<Struct>& table, std::span<const std::string> arguments, Struct& values) {
  const FlagList list = ListFlags(table.rows(), {}, false, arguments);
  if (list.help) return false;
  CheckRequired(table.rows(), list.flags);
  ApplyFlags(list.flags, &values);
  return true;
}

}  // namespace puna::config
