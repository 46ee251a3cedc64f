// One decoder layer on its way from a checkpoint's weights to rounded ones.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/checkpoint/sources/checkpoint.h"
#include "engine/quantize/layer_forward.h"
#include "engine/quantize/rounded_matrix.h"

namespace puna::engine {

// The seven linears in the order of LinearGroup: q, k, v | o | gate, up | down.
inline constexpr int kLinears = 7;
struct LinearName {
  const char* name;  // Hugging Face's, below "model.layers.N."
  LinearGroup group;
};
inline constexpr std::array<LinearName, kLinears> kLinearNames = {{{"self_attn.q_proj", LinearGroup::kQkv},
                                                                   {"self_attn.k_proj", LinearGroup::kQkv},
                                                                   {"self_attn.v_proj", LinearGroup::kQkv},
                                                                   {"self_attn.o_proj", LinearGroup::kO},
                                                                   {"mlp.gate_proj", LinearGroup::kGateUp},
                                                                   {"mlp.up_proj", LinearGroup::kGateUp},
                                                                   {"mlp.down_proj", LinearGroup::kDown}}};

struct DenseLayer {
  std::vector<float> input_layernorm, post_attention_layernorm;
  std::array<DenseMatrix, kLinears> linears;
};

struct RoundedLayer {
  std::vector<float> input_layernorm, post_attention_layernorm;
  std::array<RoundedMatrix, kLinears> linears;
};

// Which of SpinQuant's rotations are folded in. Seeds draw the signs.
struct Rotations {
  std::optional<uint64_t> residual_seed;  // R1
  std::optional<uint64_t> value_seed;     // R2, of layer n: value_seed + n
  bool down_proj = false;                 // R4
};

// The layer's weights in float32, norms and rotations folded in. Throws std::runtime_error when
// values are not finite.
DenseLayer ReadLayer(const LayerSource& source, const ModelConfig& config, const Rotations& rotations, int layer,
                     ThreadTeam& team);

// What the model builder packs; the layer must outlive it.
LayerSource MakeLayerSource(const DenseLayer& layer);
LayerSource MakeLayerSource(const RoundedLayer& layer);

struct LinearError {
  double weights = 0;             // RelativeError
  std::optional<double> outputs;  // RelativeOutputError on the calibration text
};
using LayerErrors = std::array<LinearError, kLinears>;

// Rounds the seven matrices: by GPTQ where there are Hessians (which it uses up), else to nearest.
using LayerHessians = std::array<std::unique_ptr<Hessian>, kLinearGroups>;
RoundedLayer RoundLayer(const DenseLayer& dense, Bits bits, LayerHessians* hessians, double damping, Isa isa,
                        ThreadTeam& team, LayerErrors* errors);

}  // namespace puna::engine
