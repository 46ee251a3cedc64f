// What shells and manuals know of the options, made from the same tables as everything else.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/option.h"

namespace puna::config {

struct Command {
  std::string_view name;  // of one word, or of two where a command has parts: "bench pace"
  std::string_view help;
  OptionSet options = {};  // those of puna serve: ServeOptions()
};

// A script for "bash", "zsh" or "fish" that completes commands, options and their values. Throws ConfigError for another shell.
std::string CompletionScript(const std::string& shell, std::span<const Command> commands);

// puna(1), as roff.
std::string ManualPage(std::span<const Command> commands, const std::string& version);

}  // namespace puna::config
