// One decoder layer over whole sequences, as LlamaModel computes it, stopping at the inputs of its
// linears: what calibration needs to see.
#pragma once

#include <functional>
#include <vector>

#include "engine/layers/linear_input.h"
#include "engine/layers/paged_attention.h"
#include "engine/model/llama.h"
#include "engine/model/llama_weights.h"
#include "engine/model/rope_table.h"

namespace puna::engine {

// The inputs of which linears.
enum class LinearGroup { kQkv, kO, kGateUp, kDown };
inline constexpr int kLinearGroups = 4;

// Told the inputs [tokens, cols] of a group, normed and rotated as the linears take them, before
// they are rounded.
using InputObserver = std::function<void(LinearGroup, MatView<const float>)>;

class LayerForward {
 public:
  // Layers whose weights are in `format`; sequences of up to max_tokens.
  LayerForward(const LlamaSpec& spec, WeightFormat format, int64_t max_tokens, Isa isa, ThreadTeam& team);

  // x [tokens, hidden_size]: one sequence's residual stream from position 0 on, in place. The layer
  // has no adaptors.
  void Run(const LlamaLayer& layer, MatView<float> x, const InputObserver& observe);

 private:
  void SetInput(MatView<const float> x, const float* norm, bool hadamard, LinearGroup group,
                const InputObserver& observe);
  void Attend(int64_t tokens);

  LlamaSpec spec_;
  Isa isa_;
  ThreadTeam& team_;
  PagedAttention attention_;
  RopeRows rope_;
  std::vector<int32_t> block_table_;
  LinearInput input_;
  AlignedBuffer<uint8_t> cache_;
  AlignedBuffer<float> prepared_, qkv_, attention_out_, hidden_;
};

}  // namespace puna::engine
