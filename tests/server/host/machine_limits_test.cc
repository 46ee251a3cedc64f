#include "server/host/machine_limits.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <utility>

#include "tests/support/sanitized.h"
#include "tests/support/temporary_folder.h"

namespace puna::server {
namespace {

// A folder that stands for /.
struct FakeRoot : testing::TemporaryFolder {
  FakeRoot() { Write("proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:    8388608 kB\n"); }
  MachineLimits Read() const { return ReadMachineLimits(path()); }
};

constexpr int64_t kGiB = int64_t{1} << 30;

TEST_CASE("without a container the machine is the limit") {
  FakeRoot root;
  CHECK(root.Read().memory_limit == 16 * kGiB);
  CHECK(root.Read().memory_left == 8 * kGiB);
  CHECK(root.Read().cpus >= 1);
}

TEST_CASE("little cores do not compute") {
  FakeRoot root;
  CHECK(root.Read().fast_cpus == root.Read().cpus);  // nothing is said of them
  cpu_set_t set;
  REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
  int last = 0;
  const auto say = [&](int capacity, int last_capacity) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) last = cpu;
    }
    for (int cpu = 0; cpu <= last; ++cpu) {
      root.Write("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cpu_capacity",
                 std::to_string(cpu == last ? last_capacity : capacity) + "\n");
    }
  };
  say(381, 1024);
  CHECK(root.Read().fast_cpus == 1);  // one big core
  say(871, 1024);
  CHECK(root.Read().fast_cpus == root.Read().cpus);
  say(1024, 381);
  CHECK(root.Read().fast_cpus == std::max(1, root.Read().cpus - 1));
}

TEST_CASE("the tightest cgroup counts, file pages do not") {
  FakeRoot root;
  root.Write("proc/self/cgroup", "4:memory:/old\n0::/outer/inner\n");
  root.Write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  root.Write("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
  root.Write("sys/fs/cgroup/outer/memory.max", std::to_string(4 * kGiB) + "\n");
  root.Write("sys/fs/cgroup/outer/memory.current", std::to_string(3 * kGiB) + "\n");
  root.Write("sys/fs/cgroup/outer/memory.stat",
             "anon 5\ninactive_file " + std::to_string(kGiB) + "\nactive_file " + std::to_string(kGiB) + "\n");
  root.Write("sys/fs/cgroup/outer/cpu.max", "50000 100000\n");
  CHECK(root.Read().memory_limit == 4 * kGiB);
  CHECK(root.Read().memory_left == 3 * kGiB);
  CHECK(root.Read().cpus == 1);
}

TEST_CASE("memory limits of the older cgroups count as well") {
  FakeRoot root;
  root.Write("proc/self/cgroup", "7:memory:/a/b\n4:cpu,cpuacct:/a\n0::/\n");
  root.Write("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  root.Write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", std::to_string(3 * kGiB) + "\n");
  root.Write("sys/fs/cgroup/memory/a/memory.usage_in_bytes", std::to_string(2 * kGiB) + "\n");
  root.Write("sys/fs/cgroup/memory/a/memory.stat",
             "inactive_file 7\ntotal_inactive_file " + std::to_string(kGiB) + "\n");
  CHECK(root.Read().memory_limit == 3 * kGiB);
  CHECK(root.Read().memory_left == 2 * kGiB);
}

TEST_CASE("processor quotas of the older cgroups count as well") {
  FakeRoot root;
  root.Write("proc/self/cgroup", "7:memory:/\n4:cpu,cpuacct:/a/b\n3:cpuset:/a\n0::/\n");
  root.Write("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
  root.Write("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
  const int all = root.Read().cpus;
  root.Write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "100000\n");
  root.Write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  CHECK(root.Read().cpus == 1);
  root.Write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "100000000\n");
  CHECK(root.Read().cpus == all);
}

TEST_CASE("from where on memory is slowed down counts as its limit") {
  FakeRoot root;
  root.Write("proc/self/cgroup", "0::/a\n");
  root.Write("sys/fs/cgroup/a/memory.max", std::to_string(4 * kGiB) + "\n");
  root.Write("sys/fs/cgroup/a/memory.high", std::to_string(3 * kGiB) + "\n");
  root.Write("sys/fs/cgroup/a/memory.current", std::to_string(kGiB) + "\n");
  CHECK(root.Read().memory_limit == 3 * kGiB);
  CHECK(root.Read().memory_left == 2 * kGiB);
  root.Write("sys/fs/cgroup/a/memory.high", "max\n");
  CHECK(root.Read().memory_limit == 4 * kGiB);
}

TEST_CASE("controllers of the older cgroups in another order than their folder has") {
  FakeRoot root;
  root.Write("proc/self/cgroup", "4:cpuacct,cpu:/a\n");
  root.Write("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n");
  root.Write("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
  CHECK(root.Read().cpus == 1);
}

TEST_CASE("limits of addresses count, with what is used of them") {
  FakeRoot root;
  root.Write("proc/self/status", "VmSize:\t 2097152 kB\nVmData:\t 1048576 kB\n");
  if (testing::kSanitized) return;  // which takes more addresses than any limit here
  for (const auto& [resource, used] : {std::pair{RLIMIT_AS, 2 * kGiB}, std::pair{RLIMIT_DATA, kGiB}}) {
    rlimit before{};
    REQUIRE(getrlimit(resource, &before) == 0);
    const rlimit four{static_cast<rlim_t>(4 * kGiB), before.rlim_max};
    REQUIRE(setrlimit(resource, &four) == 0);
    const MachineLimits limits = root.Read();
    REQUIRE(setrlimit(resource, &before) == 0);
    CHECK(limits.memory_limit == 4 * kGiB);
    CHECK(limits.memory_left == 4 * kGiB - used);
  }
}

TEST_CASE("what cannot be read is unknown, not zero") {
  FakeRoot root;
  root.Write("proc/meminfo", "");
  CHECK(root.Read().memory_limit > kGiB / 4);
  CHECK(root.Read().memory_left == root.Read().memory_limit);
  root.Write("proc/self/cgroup", "0::/\n");
  root.Write("sys/fs/cgroup/memory.max", "1000\n");
  CHECK(root.Read().memory_limit == 1000);
  CHECK(root.Read().memory_left == 1000);
}

TEST_CASE("a container that sees itself as the root, over its limit") {
  FakeRoot root;
  root.Write("proc/self/cgroup", "0::/\n");
  root.Write("sys/fs/cgroup/memory.max", "1000\n");
  root.Write("sys/fs/cgroup/memory.current", "2000\n");
  CHECK(root.Read().memory_limit == 1000);
  CHECK(root.Read().memory_left == 0);
}

}  // namespace
}  // namespace puna::server
