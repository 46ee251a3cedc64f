#include "server/load_model.h"

#include <algorithm>
#include <new>
#include <optional>
#include <stdexcept>

#include "engine/demo/demo_model.h"
#include "server/kv_budget.h"
#include "server/machine_limits.h"

namespace puna::server {
namespace {

std::optional<engine::WeightFormat> WeightsOf(const config::EngineConfig& config) {
  for (const auto format :
       {engine::WeightFormat::kBf16, engine::WeightFormat::kW8A8, engine::WeightFormat::kW4A8}) {
    if (config.weights == Name(format)) return format;
  }
  return std::nullopt;  // auto
}

engine::Checkpoint Open(const std::string& model) {
  if (!model.empty()) return engine::OpenCheckpoint(model);
  return engine::OpenCheckpointFromMemory("puna-demo", engine::DemoModelFiles());
}

}  // namespace

int NumThreads(const config::EngineConfig& config) {
  return config.threads > 0 ? config.threads : ReadMachineLimits().cpus;
}

LoadedModel LoadModel(const config::EngineConfig& config, const engine::LoadProgress& progress) {
  const engine::Checkpoint checkpoint = Open(config.model);
  engine::LlamaOptions options;
  options.weights = WeightsOf(config);
  options.isa = engine::ChooseIsa(config.isa);
  options.threads = NumThreads(config);
  options.max_batched_tokens = config.max_num_batched_tokens;
  if (config.kv_cache_dtype == "int8") options.kv_dtype = engine::KvDtype::kInt8;
  try {
    return {checkpoint.name, checkpoint.config, checkpoint.generation,
            LoadLlama(checkpoint, options, progress)};
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(checkpoint.name + ": its weights do not fit into memory (" +
                             std::to_string(ReadMachineLimits().memory_left >> 20) +
                             " MiB left); choose smaller --weights or raise the memory limit");
  }
}

engine::EngineOptions MakeEngineOptions(const config::EngineConfig& config,
                                        const engine::Model& model) {
  const int longest = config.max_model_len > 0
                          ? std::min(config.max_model_len, model.max_position())
                          : model.max_position();
  engine::EngineOptions options;
  options.num_blocks =
      NumKvBlocks(config, model.kv_bytes_per_block(), longest, ReadMachineLimits().memory_left);
  options.max_num_seqs = config.max_num_seqs;
  options.max_num_batched_tokens = config.max_num_batched_tokens;
  options.max_waiting = config.max_waiting;
  options.max_model_len = longest;
  options.prefix_caching = config.prefix_caching;
  options.itl_target_ms = config.itl_target_ms;
  options.speculation = config.speculation;
  return options;
}

}  // namespace puna::server
