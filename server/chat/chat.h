// puna chat: a conversation in the terminal, or one answer in a pipe.
#pragma once

#include <span>
#include <string>

#include "config/option.h"

namespace puna::server {

// Gives the exit status: 0; 1 where an answer failed; 130 where Ctrl-C stopped the only one. Throws ConfigError and
// std::runtime_error.
int RunChat(std::span<const std::string> arguments);

config::OptionSet ChatOptions();

}  // namespace puna::server
