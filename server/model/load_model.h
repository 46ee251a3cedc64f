// From the operator's choice of a model to one that runs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/engine_config.h"
#include "engine/checkpoint/sources/checkpoint.h"
#include "engine/engine.h"
#include "engine/model/llama.h"

namespace puna::server {

struct LoadedModel {
  std::string name;  // the folder's, or what stands for it
  engine::ModelConfig config;
  engine::GenerationConfig generation;  // defaults of its authors
  std::unique_ptr<engine::Model> model;
};

// An empty name is the demo model inside the binary. A folder with puna-packed.bin is mapped from that file, unless
// other weights than the file's are asked for. Throws std::runtime_error: one line with path, expected, found and
// remedy.
LoadedModel LoadModel(const config::EngineConfig& config, const engine::LoadProgress& progress);

// The same model as its files describe it, unread.
struct ModelPlan {
  std::string name, format;
  size_t weight_bytes = 0, kv_bytes_per_block = 0;
  int max_position = 0;
  int vocab_size = 0;
  std::vector<std::string> notes;  // as Checkpoint has them, and where the weights take more than their file
};
ModelPlan PlanModel(const config::EngineConfig& config);
// The longest sequence in tokens: --max-model-len, as far as the model reaches.
int LongestSequence(const config::EngineConfig& config, int max_position);
// The model's checkpoint; an empty name is the demo model inside the binary, engine::kDemoDraft its draft.
engine::Checkpoint OpenModel(const std::string& model);

// A name of engine::WeightFormat, or "auto": none.
std::optional<engine::WeightFormat> WeightsOf(const std::string& name);

// What the engine is told, with a KV pool that fits into what memory is left beside the loaded
// model, the loaded draft and the memory of requests.
engine::EngineOptions MakeEngineOptions(const config::EngineConfig& config, const engine::Model& model,
                                        const engine::DraftOptions& draft = {}, int64_t request_memory = 0);

// Cores that may compute: --threads, or what the container allows.
int NumThreads(const config::EngineConfig& config);

}  // namespace puna::server
