#include "server/machine_limits.h"

#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <vector>

namespace puna::server {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

std::string ReadAll(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// The number after `name` in lines such as "MemAvailable:  123 kB".
std::optional<int64_t> Field(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  std::string word;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    int64_t value = 0;
    if (words >> word >> value && word == name) return value;
  }
  return std::nullopt;
}

// A file with one number, or "max".
int64_t ReadLimit(const std::string& path) {
  std::istringstream in(ReadAll(path));
  int64_t value = 0;
  return in >> value ? value : kUnlimited;
}

// The process's own cgroup and those around it, innermost first.
std::vector<std::string> Cgroups(const std::string& root) {
  std::istringstream lines(ReadAll(root + "/proc/self/cgroup"));
  std::vector<std::string> folders;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("0::", 0) != 0) continue;
    for (std::filesystem::path path = line.substr(3);; path = path.parent_path()) {
      folders.push_back(root + "/sys/fs/cgroup" + (path == "/" ? "" : path.string()));
      if (path == "/" || path.empty()) break;
    }
  }
  return folders;
}

int CpuQuota(const std::string& cgroup) {
  std::istringstream in(ReadAll(cgroup + "/cpu.max"));
  double quota = 0, period = 0;
  if (!(in >> quota >> period) || period <= 0) return std::numeric_limits<int>::max();
  return std::max(1, static_cast<int>((quota + period - 1) / period));
}

int Affinity() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

}  // namespace

MachineLimits ReadMachineLimits(const std::string& root) {
  const std::string meminfo = ReadAll(root + "/proc/meminfo");
  MachineLimits limits;
  limits.cpus = Affinity();
  limits.memory_limit = Field(meminfo, "MemTotal:").value_or(0) * 1024;
  limits.memory_left = Field(meminfo, "MemAvailable:").value_or(0) * 1024;
  for (const std::string& cgroup : Cgroups(root)) {
    limits.cpus = std::min(limits.cpus, CpuQuota(cgroup));
    const int64_t limit = ReadLimit(cgroup + "/memory.max");
    if (limit == kUnlimited) continue;
    // Pages of files that were read count as used, but make room when memory is asked for.
    const std::string stat = ReadAll(cgroup + "/memory.stat");
    const int64_t current = ReadLimit(cgroup + "/memory.current");
    const int64_t used = current == kUnlimited ? 0
                                               : current - Field(stat, "inactive_file").value_or(0) -
                                                     Field(stat, "active_file").value_or(0);
    limits.memory_limit = std::min(limits.memory_limit, limit);
    limits.memory_left = std::min(limits.memory_left, std::max<int64_t>(0, limit - used));
  }
  return limits;
}

}  // namespace puna::server
