#include "server/host/machine_limits.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <set>
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

// The process's own cgroup and those around it, innermost first: of cgroup v2, or of a controller
// of v1. Of several controllers in one place (cpuacct,cpu), distributions write the order as they like; each name leads there.
std::vector<std::string> Cgroups(const std::string& root, const std::string& controller) {
  std::istringstream lines(ReadAll(root + "/proc/self/cgroup"));
  std::vector<std::string> folders;
  for (std::string line; std::getline(lines, line);) {  // NUMBER:CONTROLLERS:PATH
    const size_t begin = line.find(':'), end = line.find(':', begin + 1);
    if (end == std::string::npos) continue;
    const std::string controllers = line.substr(begin + 1, end - begin - 1);  // as in cpu,cpuacct; none: v2
    if (controller.empty() ? !controllers.empty()
                           : (',' + controllers + ',').find(',' + controller + ',') == controllers.npos)
      continue;
    std::set<std::string> mounts = {root + "/sys/fs/cgroup" + (controller.empty() ? "" : "/" + controllers)};
    if (!controller.empty()) mounts.insert(root + "/sys/fs/cgroup/" + controller);
    for (std::filesystem::path path = line.substr(end + 1);; path = path.parent_path()) {
      for (const std::string& mount : mounts) folders.push_back(mount + (path == "/" ? "" : path.string()));
      if (path == "/" || path.empty()) break;
    }
  }
  return folders;
}

// Where a cgroup says what memory it may use, from what on it is slowed down to a crawl (null: nowhere), and what it uses.
struct MemoryFiles {
  const char *controller, *limit, *slow, *usage, *prefix;
};
constexpr MemoryFiles kMemoryFiles[] = {
    {"", "/memory.max", "/memory.high", "/memory.current", ""},
    {"memory", "/memory.limit_in_bytes", nullptr, "/memory.usage_in_bytes", "total_"}};

void ApplyMemory(const std::string& cgroup, const MemoryFiles& files, int64_t machine, MachineLimits& limits) {
  int64_t limit = ReadLimit(cgroup + files.limit);
  if (files.slow != nullptr) limit = std::min(limit, ReadLimit(cgroup + files.slow));
  if (limit >= machine) return;  // v1 says "none" with a number that no machine has
  // Pages of files that were read count as used, but make room when memory is asked for.
  const int64_t current = ReadLimit(cgroup + files.usage);
  const std::string stat = ReadAll(cgroup + "/memory.stat");
  const auto field = [&](const char* name) { return Field(stat, std::string(files.prefix) + name).value_or(0); };
  const int64_t reclaimable = field("inactive_file") + field("active_file");
  const int64_t used = current == kUnlimited ? 0 : current - reclaimable;
  limits.memory_limit = std::min(limits.memory_limit, limit);
  limits.memory_left = std::min(limits.memory_left, std::max<int64_t>(0, limit - used));
}

// ulimit -v bounds addresses, which threads' stacks take as well; ulimit -d those of them that can be written and are nobody
// else's. `field` of the status tells what is used.
void ApplyAddressLimit(const std::string& root, int resource, const char* field, MachineLimits& limits) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  const auto bytes = static_cast<int64_t>(limit.rlim_cur);
  if (bytes >= limits.memory_limit) return;
  const int64_t used = Field(ReadAll(root + "/proc/self/status"), field).value_or(0) * 1024;
  limits.memory_limit = bytes;
  limits.memory_left = std::min(limits.memory_left, std::max<int64_t>(0, bytes - used));
}

// Microseconds of processor time in each period: in one file in v2, in two in v1, where -1 says that there is no quota.
int CpuQuota(const std::string& text) {
  std::istringstream in(text);
  double quota = 0, period = 0;
  if (!(in >> quota >> period) || quota <= 0 || period <= 0) return std::numeric_limits<int>::max();
  return std::max(1, static_cast<int>((quota + period - 1) / period));
}

int CpuQuotas(const std::string& root) {
  int cpus = std::numeric_limits<int>::max();
  for (const std::string& cgroup : Cgroups(root, "")) cpus = std::min(cpus, CpuQuota(ReadAll(cgroup + "/cpu.max")));
  for (const std::string& cgroup : Cgroups(root, "cpu")) {
    const std::string quota = ReadAll(cgroup + "/cpu.cfs_quota_us"), period = ReadAll(cgroup + "/cpu.cfs_period_us");
    cpus = std::min(cpus, CpuQuota(quota + ' ' + period));
  }
  return cpus;
}

// Where /proc does not tell (systemd's ProcSubset=pid, a chroot), the system call does. What is left is then unknown, and not
// nothing: it is taken for all.
void ReadMemory(const std::string& meminfo, MachineLimits& limits) {
  struct sysinfo info {};
  const int64_t total = sysinfo(&info) == 0 ? static_cast<int64_t>(info.totalram) * info.mem_unit : kUnlimited;
  const std::optional<int64_t> all = Field(meminfo, "MemTotal:"), left = Field(meminfo, "MemAvailable:");  // in KiB
  limits.memory_limit = all ? *all * 1024 : total;
  limits.memory_left = left ? *left * 1024 : limits.memory_limit;
}

std::vector<int> CpusThatMayRunUs() {
  std::vector<int> cpus;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// A step waits for its slowest thread, so little cores are left to others. Where the kernel says nothing of capacity (it does where
// cores differ: Linux, Documentation/ABI/testing/sysfs-devices-system-cpu), all are alike.
int FastOnes(const std::string& root, const std::vector<int>& cpus) {
  std::vector<int> capacities;
  for (const int cpu : cpus) {
    std::istringstream in(ReadAll(root + "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cpu_capacity"));
    int capacity = 0;
    capacities.push_back(in >> capacity ? capacity : 0);
  }
  const int best = *std::ranges::max_element(capacities);
  return static_cast<int>(std::ranges::count_if(capacities, [best](int capacity) { return 2 * capacity >= best; }));
}

}  // namespace

MachineLimits ReadMachineLimits(const std::string& root) {
  const std::string meminfo = ReadAll(root + "/proc/meminfo");
  MachineLimits limits;
  const std::vector<int> cpus = CpusThatMayRunUs();
  limits.cpus = std::min(static_cast<int>(cpus.size()), CpuQuotas(root));
  limits.fast_cpus = std::min(limits.cpus, FastOnes(root, cpus));
  ReadMemory(meminfo, limits);
  const int64_t machine = limits.memory_limit;
  for (const MemoryFiles& files : kMemoryFiles) {
    for (const std::string& cgroup : Cgroups(root, files.controller)) ApplyMemory(cgroup, files, machine, limits);
  }
  ApplyAddressLimit(root, RLIMIT_AS, "VmSize:", limits);
  ApplyAddressLimit(root, RLIMIT_DATA, "VmData:", limits);
  return limits;
}

int64_t RequestMemoryBytes(int max_request_memory_mib, const MachineLimits& machine) {
  if (max_request_memory_mib > 0) return int64_t{max_request_memory_mib} << 20;
  return std::clamp<int64_t>(machine.memory_limit / 16, int64_t{128} << 20, int64_t{2} << 30);
}

}  // namespace puna::server
