// The server that runs beside us: how it was started is how it can be reached.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace puna::server {

struct RunningServer {
  std::vector<std::string> arguments;    // behind `serve`
  std::vector<std::string> environment;  // NAME=VALUE; empty where this user may not read it
  std::string folder;                    // that paths are relative to; empty likewise
};

// The one process that is a `puna serve`, as far as /proc shows any: in a container, that is all there is. None: there is none, or
// there are several. `root` stands before /proc in tests.
std::optional<RunningServer> FindRunningServer(const std::string& root = "");

}  // namespace puna::server
