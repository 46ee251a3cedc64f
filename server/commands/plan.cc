#include "server/commands/plan.h"

#include <algorithm>
#include <cstdio>

#include "engine/kv_cache/block_id.h"
#include "server/host/machine_limits.h"
#include "server/model/kv_budget.h"
#include "server/model/load_model.h"

namespace puna::server {
namespace {

std::string Size(int64_t bytes) {
  char text[32];
  const double mib = static_cast<double>(bytes) / (1 << 20);
  std::snprintf(text, sizeof text, mib < 10240 ? "%.0f MiB" : "%.0f GiB", mib < 10240 ? mib : mib / 1024);
  return text;
}

std::string Line(const std::string& name, const std::string& value) {
  return name + std::string(std::max<size_t>(16, name.size() + 1) - name.size(), ' ') + value + "\n";
}

std::string Tokens(int64_t count) {
  return count % 1024 == 0 && count >= 1024 ? std::to_string(count / 1024) + "k" : std::to_string(count);
}

// How many whole sessions of the usual lengths the pool holds.
std::string Sessions(int64_t pool_tokens, int longest) {
  std::string text;
  for (int64_t length : {int64_t{4096}, int64_t{16384}, int64_t{32768}, int64_t{131072}, int64_t{longest}}) {
    if (length > longest || pool_tokens < length) continue;
    const std::string part = std::to_string(pool_tokens / length) + " of " + Tokens(length);
    if (text.find(" of " + Tokens(length)) == std::string::npos) text += (text.empty() ? "" : ", or ") + part;
  }
  return text.empty() ? "none of " + Tokens(longest) + " tokens; shorter ones until the pool is full" : text;
}

}  // namespace

std::string Plan(const config::Config& config) {
  const MachineLimits machine = ReadMachineLimits();
  const ModelPlan model = PlanModel(config.engine);
  const int longest = LongestSequence(config.engine, model.max_position);
  const int64_t left = machine.memory_left - static_cast<int64_t>(model.weight_bytes);
  CheckWeightsFit(model.name, model.format, model.weight_bytes, machine.memory_left);
  const int blocks = NumKvBlocks(config.engine, model.kv_bytes_per_block, longest, left);
  const int64_t pool = int64_t{blocks} * engine::kBlockSize;
  const auto pool_bytes = static_cast<int64_t>(model.kv_bytes_per_block) * blocks;
  const int reach = static_cast<int>(std::min<int64_t>(longest, pool));
  std::string notes;
  for (const std::string& note : model.notes) notes += Line("note", note);
  return Line("model", model.name + ", " + model.format) + notes +
         Line("threads", std::to_string(NumThreads(config.engine)) + " of " + std::to_string(machine.cpus) +
                             " cores that may be used") +
         Line("memory limit", Size(machine.memory_limit) + ", of which " + Size(machine.memory_left) + " are left") +
         Line("weights", Size(static_cast<int64_t>(model.weight_bytes))) +
         Line("KV cache", Size(pool_bytes) + " at most: " + std::to_string(blocks) + " blocks, " +
                              std::to_string(pool) + " tokens") +
         Line("in all", Size(static_cast<int64_t>(model.weight_bytes) + pool_bytes) + ", and a little for requests") +
         Line("longest", std::to_string(reach) + " tokens, prompt and answer together") +
         Line("side by side", std::to_string(config.engine.max_num_seqs) + " sequences, " +
                                  std::to_string(config.engine.max_waiting) + " more in line") +
         Line("sessions", "fits: " + Sessions(pool, reach));
}

}  // namespace puna::server
