// A model folder driven as far as serving would: opened, planned, packed in every way, one token. Whatever its files say, that
// ends in numbers or in a std::runtime_error.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/base/cpu_features.h"
#include "engine/checkpoint/config/model_config.h"
#include "engine/checkpoint/files/json_object.h"
#include "engine/checkpoint/open_checkpoint.h"
#include "engine/kv_cache/block_id.h"
#include "engine/model/footprint.h"
#include "engine/model/llama.h"
#include "tests/support/tiny_checkpoint.h"

namespace puna::engine::testing {

// Beyond that a plan is all that is made.
inline constexpr size_t kDrivenBytes = size_t{8} << 20;

// Whether the logits of token 0 are numbers; throws std::logic_error where the plan was wrong.
inline bool OneToken(const Checkpoint& checkpoint, const LlamaOptions& options) {
  const std::unique_ptr<Model> model = LoadLlama(checkpoint, options, {});
  if (model->weight_bytes() != PlannedWeightBytes(checkpoint, options))
    throw std::logic_error("weights not as planned");
  model->AllocateKvCache(1);
  const std::vector<TokenId> ids = {0};
  const std::vector<int32_t> rows = {0};
  const std::vector<BlockId> table = {0};
  const SequenceChunk sequence{0, 1, 0, table};
  const auto logits = model->Forward({ids, {&sequence, 1}, rows});
  return std::all_of(logits.row(0), logits.row(0) + logits.cols, [](float x) { return std::isfinite(x); });
}

struct Driven {
  std::string refusal;  // empty: none
  bool ran = false;     // with every --weights
  bool finite = true;   // what came of it
};

inline Driven DriveModel(const Checkpoint& checkpoint) {
  Driven driven;
  try {
    LlamaOptions options{std::nullopt, DetectIsa(), 1, 16};
    const size_t kv = PlannedKvBytesPerBlock(checkpoint.config, options);
    const size_t activations = size_t{16} * static_cast<size_t>(checkpoint.config.vocab_size) * sizeof(float);
    if (kv + activations + PlannedWeightBytes(checkpoint, options) > kDrivenBytes) return driven;
    for (const auto format : {std::optional<WeightFormat>(), std::optional(WeightFormat::kBf16),
                              std::optional(WeightFormat::kW8A8), std::optional(WeightFormat::kW4A8)}) {
      options.weights = format;
      driven.finite = OneToken(checkpoint, options) && driven.finite;
    }
    driven.ran = true;
  } catch (const std::runtime_error& error) {
    driven.refusal = error.what();
  }
  return driven;
}

inline Driven DriveFolder(const std::string& path) {
  try {
    return DriveModel(OpenCheckpoint(path));
  } catch (const std::runtime_error& error) {
    return {error.what()};
  }
}

// A model of this config.json, with weights as it says.
inline Driven DriveConfig(const std::string& config_json) {
  using puna::testing::AsBytes;
  try {
    const ModelConfig c = ParseModelConfig(JsonObject::Parse(AsBytes(config_json), "config.json"));
    const puna::testing::TinyModel shape{c.hidden_size,         c.num_hidden_layers,  c.num_attention_heads,
                                         c.num_key_value_heads, c.head_dim,           c.intermediate_size,
                                         c.vocab_size,          c.tie_word_embeddings};
    const double width = static_cast<double>(c.hidden_size) * c.num_hidden_layers;
    const double weights = width * (4.0 * c.num_attention_heads * c.head_dim + 3.0 * c.intermediate_size) +
                           2.0 * c.hidden_size * c.vocab_size;
    if (weights > 1 << 20 || c.num_hidden_layers > 64) return {};
    const puna::testing::TinyFiles files = {
        {"config.json", config_json},
        {"model.safetensors", puna::testing::SafetensorsBytes(puna::testing::TinyTensors(shape))}};
    return DriveModel(OpenCheckpointFromMemory("driven", puna::testing::AsSpans(files)));
  } catch (const std::runtime_error& error) {
    return {error.what()};
  }
}

}  // namespace puna::engine::testing
