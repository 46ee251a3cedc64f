// puna: the commands.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "api/fields/request_fields.h"
#include "config/help.h"
#include "config/load.h"
#include "config/options.h"
#include "server/bench/bench.h"
#include "server/commands/healthcheck.h"
#include "server/commands/plan.h"
#include "server/commands/serve.h"
#include "server/commands/usage.h"
#include "server/convert/pack.h"
#include "server/convert/quantize.h"
#include "server/host/log.h"
#include "server/host/version.h"

namespace puna::server {
namespace {

std::vector<std::string> Environment() {
  std::vector<std::string> lines;
  for (char** line = environ; *line != nullptr; ++line) lines.emplace_back(*line);
  return lines;
}

int RunServe(const std::vector<std::string>& arguments) {
  const config::Loaded loaded = config::Load(arguments, Environment());
  if (loaded.want != config::Loaded::Want::kRun) {
    std::fputs((loaded.want == config::Loaded::Want::kHelp ? ServeHelp() : config::OptionsMarkdown()).c_str(), stdout);
    return 0;
  }
  SetUpLog(loaded.config.server.log_level, loaded.config.server.log_format);
  for (const std::string& warning : loaded.warnings) LogWarning(warning);
  return Serve(loaded.config, [arguments] { return config::Load(arguments, Environment()).config; });
}

int RunHealthcheck(const std::vector<std::string>& arguments) {
  const config::Loaded loaded = config::Load(arguments, Environment());
  if (loaded.want != config::Loaded::Want::kRun) return std::fputs(HealthcheckHelp().c_str(), stdout), 0;
  const HealthAnswer answer = AskHealth(loaded.config.server);
  std::puts(answer.line.c_str());
  return answer.healthy ? 0 : 1;
}

int RunPlan(const std::vector<std::string>& arguments) {
  const config::Loaded loaded = config::Load(arguments, Environment());
  if (loaded.want != config::Loaded::Want::kRun) return std::fputs(PlanHelp().c_str(), stdout), 0;
  for (const std::string& warning : loaded.warnings) std::fprintf(stderr, "puna: %s\n", warning.c_str());
  return std::fputs(Plan(loaded.config).c_str(), stdout), 0;
}

int Run(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string command = arguments.empty() || arguments[0][0] == '-' ? "" : arguments[0];
  if (!command.empty()) arguments.erase(arguments.begin());
  if (command == "bench") return RunBench(argc - 1, argv + 1);
  if (command == "quantize") return RunQuantize(argc - 1, argv + 1);
  if (command == "pack") return RunPack(argc - 1, argv + 1);
  if (command == "capabilities") return std::fputs(api::CapabilitiesMarkdown().c_str(), stdout), 0;
  if (command == "plan") return RunPlan(arguments);
  if (command == "healthcheck") return RunHealthcheck(arguments);
  const std::string first = argc > 1 ? argv[1] : "";
  if (command == "version" || first == "--version") return std::puts(("puna " + Version()).c_str()), 0;
  if (command == "help" || first == "--help" || first == "-h") return std::fputs(GeneralHelp().c_str(), stdout), 0;
  if (command == "serve" || command.empty()) return RunServe(arguments);
  throw config::ConfigError("unknown command \"" + command + "\"; puna --help lists them");
}

// What is closed would be given to the next connection, and lines meant for the terminal would go to its client.
void OpenStandardStreams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(stream, F_GETFD) == -1) open("/dev/null", O_RDWR);  // the lowest number that is free
  }
}

}  // namespace
}  // namespace puna::server

int main(int argc, char** argv) {
  puna::server::OpenStandardStreams();
  try {
    return puna::server::Run(argc, argv);
  } catch (const puna::config::ConfigError& error) {
    std::fprintf(stderr, "puna: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "puna: %s\n", error.what());
    return 1;
  }
}
