#include "server/commands/plan.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include "engine/kv_cache/block_id.h"
#include "server/host/machine_limits.h"
#include "server/hub/locate_model.h"
#include "server/model/draft_model.h"
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

std::string DiskLine(const config::EngineConfig& config, const ModelPlan& model, int64_t memory) {
  if (memory == 0) return "";
  const int64_t bytes = KvDiskBytes(config);
  return Line("KV on disk",
              Size(bytes) + " at most in " + config.kv_disk_path + ": " +
                  std::to_string(bytes / static_cast<int64_t>(model.kv_bytes_per_block) * engine::kBlockSize) +
                  " tokens; " + Size(memory) + " of memory for buffers and index");
}

std::string AnswersLine(const config::EngineConfig& config, int64_t memory) {
  if (memory == 0) return "";
  return Line("answers",
              Size(memory) + " to guess from " + std::to_string(config.remembered_tokens) + " tokens of finished ones");
}

std::string DraftLine(const std::optional<DraftPlan>& draft) {
  if (!draft) return "";
  return Line("draft model", draft->name + ", " + draft->format + (draft->is_pard() ? ", PARD: " : ": ") +
                                 Size(static_cast<int64_t>(draft->weight_bytes)) + " of weights, " +
                                 Size(draft->window_bytes) + " for windows, and its part of the KV cache");
}

}  // namespace

std::string Plan(config::Config config) {
  config.engine.model = LocateOffline(config.engine.model);
  if (HasDraft(config.engine)) config.engine.draft_model = LocateOffline(config.engine.draft_model);
  const MachineLimits machine = ReadMachineLimits();
  const ModelPlan model = PlanModel(config.engine);
  const int longest = LongestSequence(config.engine, model.max_position);
  const int64_t disk_memory = KvDiskMemory(config.engine, model.kv_bytes_per_block);
  const int64_t answers = AnswerMemory(config.engine);
  const int64_t requests = RequestMemoryBytes(config.server.max_request_memory_mib, machine);
  CheckWeightsFit(model.name, model.format, model.weight_bytes, machine.memory_left);
  const auto beside = machine.memory_left - static_cast<int64_t>(model.weight_bytes);
  const std::optional<DraftPlan> draft = PlanDraft(config.engine);
  if (draft) CheckWeightsFit(draft->name, draft->format, draft->weight_bytes, beside);
  const int64_t draft_memory = draft ? static_cast<int64_t>(draft->weight_bytes) + draft->window_bytes : 0;
  const size_t block_bytes = model.kv_bytes_per_block + (draft ? draft->kv_bytes_per_block : 0);
  const int blocks = NumKvBlocks(config.engine, block_bytes, longest,
                                 beside - disk_memory - draft_memory - answers - RequestMemoryBeyondReserve(requests));
  const int64_t pool = int64_t{blocks} * engine::kBlockSize;
  const auto pool_bytes = static_cast<int64_t>(block_bytes) * blocks;
  const int reach = static_cast<int>(std::min<int64_t>(longest, pool));
  std::string notes;
  for (const std::string& note : model.notes) notes += Line("note", note);
  return Line("model", model.name + ", " + model.format) + notes +
         Line("threads", std::to_string(NumThreads(config.engine)) + " of " + std::to_string(machine.cpus) +
                             " cores that may be used") +
         Line("memory limit", Size(machine.memory_limit) + ", of which " + Size(machine.memory_left) + " are left") +
         Line("weights", Size(static_cast<int64_t>(model.weight_bytes))) + DraftLine(draft) +
         Line("KV cache", Size(pool_bytes) + " at most: " + std::to_string(blocks) + " blocks, " +
                              std::to_string(pool) + " tokens") +
         DiskLine(config.engine, model, disk_memory) + AnswersLine(config.engine, answers) +
         Line(
             "requests",
             Size(requests) +
                 " at most: bodies, what is made of them, answers not taken yet, compiled grammars, stored responses") +
         Line("in all", Size(static_cast<int64_t>(model.weight_bytes) + pool_bytes + disk_memory + draft_memory +
                             answers + requests)) +
         Line("longest", std::to_string(reach) + " tokens, prompt and answer together") +
         Line("side by side", std::to_string(config.engine.max_num_seqs) + " sequences, " +
                                  std::to_string(config.engine.max_waiting) + " more in line") +
         Line("sessions", "fits: " + Sessions(pool, reach));
}

}  // namespace puna::server
