// What puna says about itself on the command line.
#pragma once

#include <string>

namespace puna::server {

std::string GeneralHelp();  // the subcommands
std::string ServeHelp();    // examples, then every option
std::string HealthcheckHelp();
std::string PlanHelp();

// What is printed when the server is ready: where it listens, and a call to try.
std::string ReadyText(const std::string& url, const std::string& model, bool needs_key);

}  // namespace puna::server
