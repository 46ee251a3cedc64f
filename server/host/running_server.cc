#include "server/host/running_server.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace puna::server {
namespace {

namespace fs = std::filesystem;

// What NULs end.
std::vector<std::string> ReadStrings(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<std::string> strings;
  for (std::string text; std::getline(in, text, '\0');) strings.push_back(text);
  return strings;
}

bool IsNumber(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// As main reads it: no command at all is `serve`.
std::optional<RunningServer> ServerAt(const fs::path& process) {
  std::ifstream in(process / "comm");
  std::string name;
  if (!std::getline(in, name) || name != "puna") return std::nullopt;
  std::vector<std::string> words = ReadStrings(process / "cmdline");
  if (words.empty()) return std::nullopt;
  words.erase(words.begin());
  const bool has_command = !words.empty() && !words.front().starts_with('-');
  if (has_command && words.front() != "serve") return std::nullopt;
  if (has_command) words.erase(words.begin());
  std::error_code error;
  return RunningServer{std::move(words), ReadStrings(process / "environ"), fs::read_symlink(process / "cwd", error)};
}

}  // namespace

std::optional<RunningServer> FindRunningServer(const std::string& root) {
  std::optional<RunningServer> found;
  std::error_code error;
  for (const auto& process : fs::directory_iterator(root + "/proc", error)) {
    if (!IsNumber(process.path().filename().string())) continue;
    std::optional<RunningServer> server = ServerAt(process.path());
    if (!server) continue;
    if (found) return std::nullopt;
    found = std::move(server);
  }
  return found;
}

}  // namespace puna::server
