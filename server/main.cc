// puna: the commands.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "api/fields/request_fields.h"
#include "config/completion.h"
#include "config/help.h"
#include "config/load.h"
#include "config/options.h"
#include "server/bench/bench.h"
#include "server/bench/replay.h"
#include "server/chat/chat.h"
#include "server/commands/cache.h"
#include "server/commands/healthcheck.h"
#include "server/commands/models.h"
#include "server/commands/plan.h"
#include "server/commands/serve.h"
#include "server/commands/usage.h"
#include "server/convert/pack.h"
#include "server/convert/quantize.h"
#include "server/host/file_faults.h"
#include "server/host/log.h"
#include "server/host/running_server.h"
#include "server/host/version.h"

namespace puna::server {
namespace {

std::vector<std::string> Environment() {
  std::vector<std::string> lines;
  for (char** line = environ; *line != nullptr; ++line) lines.emplace_back(*line);
  return lines;
}

// Of commands that let nobody in.
config::Loaded LoadWithoutKeys(std::span<const std::string> arguments) {
  return config::Load(arguments, Environment(), config::KeyFiles::kLeave);
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

// Who asks without saying where means the server that runs here, however it was started. One that chose its port by itself is
// found by nobody.
config::Loaded LoadAsRunning() {
  if (const std::optional<RunningServer> server = FindRunningServer()) {
    std::error_code error;
    if (!server->folder.empty()) std::filesystem::current_path(server->folder, error);
    const std::vector<std::string> own = Environment();
    const auto& environment = server->environment.empty() ? own : server->environment;
    config::Loaded loaded = config::Load(server->arguments, environment, config::KeyFiles::kLeave);
    if (loaded.config.server.port != 0) return loaded;
  }
  return LoadWithoutKeys({});
}

int RunHealthcheck(const std::vector<std::string>& arguments) {
  const config::Loaded loaded = arguments.empty() ? LoadAsRunning() : LoadWithoutKeys(arguments);
  if (loaded.want != config::Loaded::Want::kRun) return std::fputs(HealthcheckHelp().c_str(), stdout), 0;
  const HealthAnswer answer = AskHealth(loaded.config.server);
  std::puts(answer.line.c_str());
  return answer.healthy ? 0 : 1;
}

int RunPlan(const std::vector<std::string>& arguments) {
  const config::Loaded loaded = LoadWithoutKeys(arguments);
  if (loaded.want != config::Loaded::Want::kRun) return std::fputs(PlanHelp().c_str(), stdout), 0;
  for (const std::string& warning : loaded.warnings) std::fprintf(stderr, "puna: %s\n", warning.c_str());
  return std::fputs(Plan(loaded.config).c_str(), stdout), 0;
}

// pull and show; what rm takes away must be said, not come from the environment.
int RunModels(const std::string& command, const std::vector<std::string>& arguments) {
  if (command == "list") return RunList();
  const bool help = std::ranges::any_of(arguments, [](const std::string& a) { return a == "--help" || a == "-h"; });
  if (help) return std::fputs(ModelsHelp().c_str(), stdout), 0;
  if (command == "rm") return RunRm(arguments);
  const config::Loaded loaded = LoadWithoutKeys(arguments);
  if (loaded.want != config::Loaded::Want::kRun) return std::fputs(ModelsHelp().c_str(), stdout), 0;
  for (const std::string& warning : loaded.warnings) std::fprintf(stderr, "puna: %s\n", warning.c_str());
  return command == "pull" ? RunPull(loaded.config.engine) : RunShow(loaded.config.engine);
}

// What is cleared must be said, as with rm: it stands before the options.
int RunCache(const std::vector<std::string>& arguments) {
  const auto options = std::ranges::find_if(arguments, [](const std::string& a) { return a.starts_with('-'); });
  std::vector<std::string> words(arguments.begin(), options);
  const config::Loaded loaded = LoadWithoutKeys({options, arguments.end()});
  if (loaded.want != config::Loaded::Want::kRun) return std::fputs(CacheHelp().c_str(), stdout), 0;
  if (words.empty()) throw config::ConfigError("cache: expected list, verify or clear; puna cache --help says more");
  for (const std::string& warning : loaded.warnings) std::fprintf(stderr, "puna: %s\n", warning.c_str());
  const std::string action = words.front();
  words.erase(words.begin());
  if (action == "clear") return RunCacheClear(loaded.config.engine, words);
  if (!words.empty()) throw config::ConfigError("cache " + action + ": unexpected argument \"" + words.front() + "\"");
  if (action == "list") return RunCacheList(loaded.config.engine);
  if (action == "verify") return RunCacheVerify(loaded.config.engine);
  throw config::ConfigError("cache: found \"" + action + "\", expected list, verify or clear");
}

// With the options of every command.
std::vector<config::Command> AllCommands() {
  std::vector<config::Command> commands = Commands();
  for (config::Command& command : commands) {
    if (command.name == "chat") command.options = ChatOptions();
    if (command.name == "quantize") command.options = QuantizeTable().set();
    if (command.name == "pack") command.options = PackTable().set();
    if (command.name == "replay") command.options = ReplayTable().set();
  }
  for (config::Command& command : BenchCommands()) commands.push_back(std::move(command));
  return commands;
}

int Run(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string command = arguments.empty() || arguments[0][0] == '-' ? "" : arguments[0];
  if (!command.empty()) arguments.erase(arguments.begin());
  if (command == "bench") return RunBench(arguments);
  if (command == "chat") return RunChat(arguments);
  if (command == "quantize") return RunQuantize(arguments);
  if (command == "pack") return RunPack(arguments);
  if (command == "replay") return RunReplay(arguments);
  if (command == "capabilities") return std::fputs(api::CapabilitiesMarkdown().c_str(), stdout), 0;
  if (command == "completion") {
    const std::string script = config::CompletionScript(arguments.empty() ? "" : arguments[0], AllCommands());
    return std::fputs(script.c_str(), stdout), 0;
  }
  if (command == "manual") return std::fputs(config::ManualPage(AllCommands(), Version()).c_str(), stdout), 0;
  if (command == "plan") return RunPlan(arguments);
  if (command == "cache") return RunCache(arguments);
  if (command == "pull" || command == "list" || command == "show" || command == "rm")
    return RunModels(command, arguments);
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
  puna::server::NameFilesAtFault();
  try {
    return puna::server::Run(argc, argv);
  } catch (const puna::config::ConfigError& error) {
    std::fprintf(stderr, "puna: %s\n", error.what());
    return 2;
  } catch (const std::system_error& error) {
    const bool no_thread = error.code() == std::errc::resource_unavailable_try_again;
    const char* remedy =
        no_thread ? "; the system gives no more threads: raise the limit of processes (ulimit -u, pids.max)" : "";
    std::fprintf(stderr, "puna: %s%s\n", error.what(), remedy);
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "puna: %s\n", error.what());
    return 1;
  }
}
