// Lora: the rank-r update of a fused linear layer, y += scale * B (A x) for each of the matrices stacked in it (QLoRA).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/checkpoint/sources/weight_source.h"
#include "engine/layers/linear.h"

namespace puna::engine {

// Two bf16 layers: `down` is all A's stacked [sum of r, in]; `up` has, in each output's row, that output's row of its
// own B times its scale, and zeros under the others' columns.
struct Lora {
  Linear down;
  Linear up;

  int64_t rank() const { return down.outputs(); }
};

// Where an output of the fused layer comes from: matrix `part`, row `row`; part < 0: padding.
struct FusedOutput {
  int part = -1;
  int64_t row = 0;
};

// Null when none of the parts has an adaptor.
std::unique_ptr<Lora> PackLora(const std::vector<const LinearSource*>& parts, int64_t outputs,
                               const std::function<FusedOutput(int64_t)>& output_of, Isa isa, ThreadTeam& team);

}  // namespace puna::engine
