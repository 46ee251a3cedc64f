// Texts made from a table of options.
#pragma once

#include <string>
#include <string_view>

#include "config/option.h"

namespace puna::config {

std::string OptionsHelp(const OptionSet& options);  // for a terminal: grouped, with defaults and ranges
std::string Explanation(const Option& option,
                        const void* defaults);  // a row's help, with what it may be and its default
std::string OptionsMarkdown();                  // the documentation's table of puna serve's options

// How a command is called, what it does, and its options: the text of COMMAND --help.
std::string CommandHelp(std::string_view command, std::string_view text, const OptionSet& options);

}  // namespace puna::config
