// What puna says about itself on the command line.
#pragma once

#include <string>
#include <vector>

#include "config/completion.h"

namespace puna::server {

// All but puna bench, for completions and the manual page; the options of those that are no room of ours (chat, quantize, pack) are
// left to who sees them.
std::vector<config::Command> Commands();
std::string GeneralHelp();  // the subcommands
std::string ServeHelp();    // examples, then every option
std::string HealthcheckHelp();
std::string PlanHelp();
std::string ModelsHelp();  // pull, list, show, rm
std::string CacheHelp();

// What is printed when the server is ready: where it listens, and a call to try.
std::string ReadyText(const std::string& url, const std::string& model, bool needs_key, bool has_page);

// Behind that, where the built-in demo model answers: one line to paste for a real one.
std::string DemoText();

}  // namespace puna::server
