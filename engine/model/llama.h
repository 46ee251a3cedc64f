// LoadLlama: from a checkpoint to a Model that runs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "engine/base/cpu_features.h"
#include "engine/checkpoint/sources/checkpoint.h"
#include "engine/layers/paged_attention.h"
#include "engine/layers/weight_format.h"
#include "engine/model/model.h"

namespace puna::engine {

struct LlamaOptions {
  std::optional<WeightFormat> weights;  // none: what the checkpoint holds
  Isa isa = Isa::kScalar;
  int threads = 1;
  int max_batched_tokens = 512;  // the most tokens of one Forward
  KvDtype kv_dtype = KvDtype::kBf16;
};

// Told how much is done, in [0, 1], from the calling thread.
using LoadProgress = std::function<void(double)>;

// What LlamaModel has to know of a checkpoint beside the weights.
struct LlamaSpec {
  ModelConfig config;
  bool asymmetric_activations = false;
  bool online_hadamard_down_proj = false;
  std::optional<uint64_t> residual_rotation_seed;
};
LlamaSpec SpecOf(const Checkpoint& checkpoint);

// Reads, rounds where needed and packs every weight, on `threads` threads. Throws std::runtime_error when the
// checkpoint cannot be run in the wanted format, std::bad_alloc when memory is short.
std::unique_ptr<Model> LoadLlama(const Checkpoint& checkpoint, const LlamaOptions& options,
                                 const LoadProgress& progress);

}  // namespace puna::engine
