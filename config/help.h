// Texts made from the table of options.
#pragma once

#include <string>

namespace puna::config {

std::string OptionsHelp();      // for a terminal: grouped, with defaults and ranges
std::string OptionsMarkdown();  // the table of the documentation

}  // namespace puna::config
