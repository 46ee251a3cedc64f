#include "server/operate/process_status.h"

#include <cstdlib>
#include <fstream>

namespace puna::server {

std::optional<double> StatusField(const std::string& name) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(name + ":", 0) == 0) return std::strtod(line.c_str() + name.size() + 1, nullptr);
  }
  return std::nullopt;
}

}  // namespace puna::server
