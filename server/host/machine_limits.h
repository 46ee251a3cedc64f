// What this process may use: of its container (cgroups of both versions, and ulimit -v and -d) where there is one, else of the
// machine. What cannot be read is no limit.
#pragma once

#include <cstdint>
#include <string>

namespace puna::server {

struct MachineLimits {
  int cpus = 1;              // cores that may run us: affinity (cpuset) and the CPU quota, rounded up
  int fast_cpus = 1;         // those of them that are at least half as fast as the fastest (ARM's big and little cores)
  int64_t memory_limit = 0;  // bytes in all
  int64_t memory_left = 0;   // bytes that can still be taken without reaching the limit or swapping
};

// `root` stands before /proc and /sys in tests.
MachineLimits ReadMachineLimits(const std::string& root = "");

// Bytes for all requests together: --max-request-memory-mib, or a sixteenth of the limit, within 128 MiB and 2 GiB.
int64_t RequestMemoryBytes(int max_request_memory_mib, const MachineLimits& machine);

}  // namespace puna::server
