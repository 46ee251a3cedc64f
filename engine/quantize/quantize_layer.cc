#include "engine/quantize/quantize_layer.h"

#include <atomic>
#include <cmath>
#include <stdexcept>

namespace puna::engine {
namespace {

std::array<const LinearSource*, kLinears> LinearsOf(const LayerSource& source) {
  return {&source.q_proj,    &source.k_proj,  &source.v_proj,   &source.o_proj,
          &source.gate_proj, &source.up_proj, &source.down_proj};
}

DenseMatrix ReadMatrix(const LinearSource& source, ThreadTeam& team) {
  const WeightSource& weight = *source.weight;
  DenseMatrix w{.rows = weight.rows(), .cols = weight.cols(), .values = {}};
  w.values.resize(static_cast<size_t>(w.rows * w.cols));
  std::atomic<bool> finite{true};
  team.ForEach(w.rows, [&](int64_t r, int) {
    weight.ReadFloat(r, 1, w.row(r));
    double sum = 0;
    for (int64_t c = 0; c < w.cols; ++c) sum += w.row(r)[c];
    if (!std::isfinite(sum)) finite = false;
  });
  weight.Release();
  if (!finite) {
    throw std::runtime_error(weight.name() +
                             ": expected finite weights, found infinities or NaN; the file is damaged: download " +
                             "it again");
  }
  return w;
}

template <typename Layer>
LayerSource SourceOf(const Layer& layer) {
  const auto linear = [&](int i) { return LinearSource{MakeSource(layer.linears[static_cast<size_t>(i)]), nullptr}; };
  LayerSource source;
  source.input_layernorm = layer.input_layernorm;
  source.post_attention_layernorm = layer.post_attention_layernorm;
  source.q_proj = linear(0);
  source.k_proj = linear(1);
  source.v_proj = linear(2);
  source.o_proj = linear(3);
  source.gate_proj = linear(4);
  source.up_proj = linear(5);
  source.down_proj = linear(6);
  return source;
}

}  // namespace

DenseLayer ReadLayer(const LayerSource& source, const ModelConfig& config, const Rotations& rotations, int layer,
                     ThreadTeam& team) {
  DenseLayer dense{source.input_layernorm, source.post_attention_layernorm, {}};
  const auto from = LinearsOf(source);
  for (size_t i = 0; i < kLinears; ++i) dense.linears[i] = ReadMatrix(*from[i], team);
  auto& [q, k, v, o, gate, up, down] = dense.linears;
  if (rotations.residual_seed) {
    const Rotation r1(config.hidden_size, *rotations.residual_seed);
    for (DenseMatrix* w : {&q, &k, &v}) FoldGain(*w, dense.input_layernorm, team);
    for (DenseMatrix* w : {&gate, &up}) FoldGain(*w, dense.post_attention_layernorm, team);
    for (DenseMatrix* w : {&q, &k, &v, &gate, &up}) RotateInputs(*w, r1, team);
    for (DenseMatrix* w : {&o, &down}) RotateOutputs(*w, r1, team);
    dense.input_layernorm.assign(dense.input_layernorm.size(), 1.0f);
    dense.post_attention_layernorm.assign(dense.post_attention_layernorm.size(), 1.0f);
  }
  if (rotations.value_seed) {
    const Rotation r2(config.head_dim, *rotations.value_seed + static_cast<uint64_t>(layer));
    RotateOutputs(v, r2, team);
    RotateInputs(o, r2, team);
  }
  if (rotations.down_proj) FoldHadamard(down, team);
  return dense;
}

LayerSource MakeLayerSource(const DenseLayer& layer) { return SourceOf(layer); }
LayerSource MakeLayerSource(const RoundedLayer& layer) { return SourceOf(layer); }

RoundedLayer RoundLayer(const DenseLayer& dense, Bits bits, LayerHessians* hessians, double damping, Isa isa,
                        ThreadTeam& team, LayerErrors* errors) {
  RoundedLayer rounded{dense.input_layernorm, dense.post_attention_layernorm, {}};
  for (int group = 0; group < kLinearGroups; ++group) {
    // The factor takes the Hessian's memory; the error needs the Hessian itself. The largest of a
    // 3B is 256 MiB.
    std::unique_ptr<Hessian> factor;
    if (hessians != nullptr) {
      const Hessian& h = *(*hessians)[static_cast<size_t>(group)];
      factor = std::make_unique<Hessian>(h.size(), isa);
      std::copy_n(h.row(0), h.size() * h.size(), factor->row(0));
      InverseFactor(*factor, damping, isa, team);
    }
    for (size_t i = 0; i < kLinears; ++i) {
      if (static_cast<int>(kLinearNames[i].group) != group) continue;
      const DenseMatrix& w = dense.linears[i];
      rounded.linears[i] = factor ? RoundByGptq(w, *factor, bits, isa, team) : RoundToNearest(w, bits, team);
      (*errors)[i].weights = RelativeError(w, rounded.linears[i]);
      if (factor) {
        (*errors)[i].outputs =
            RelativeOutputError(w, rounded.linears[i], *(*hessians)[static_cast<size_t>(group)], isa, team);
      }
    }
    if (hessians != nullptr) (*hessians)[static_cast<size_t>(group)].reset();
  }
  return rounded;
}

}  // namespace puna::engine
