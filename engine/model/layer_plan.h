// In which forms the matrices of a checkpoint are held, decided for each matrix by itself: a file is a mix.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <vector>

#include "engine/checkpoint/sources/checkpoint.h"
#include "engine/layers/weight_format.h"

namespace puna::engine {

// Matrices held as one packed weight: stacked, or as gate and up interleaved.
struct PlannedWeight {
  WeightForm form{};
  int64_t outputs = 0;
  int64_t inputs = 0;
  std::vector<const WeightSource*> sources;
};

class FormChooser {
 public:
  // wanted: the layers' format whatever the checkpoint holds; none: each matrix as its file has it.
  FormChooser(const Checkpoint& checkpoint, std::optional<WeightFormat> wanted);
  explicit FormChooser(WeightFormat wanted) : wanted_(wanted) {}

  WeightForm Of(const WeightSource& source) const;
  // Embedding and head. Beside layers of integers a table of 16 bits is held as w8a8.
  WeightForm OfHead(const WeightSource& source) const;

 private:
  std::optional<WeightFormat> wanted_;
  bool integer_layers_ = false;
};

// The form that has a matrix's own values: its codes where it has some that the kernels take, else bf16.
WeightForm OwnForm(const WeightSource& source);

// Matrices that share their input, one after the other: neighbours of one form together.
std::vector<PlannedWeight> PlanStacked(const FormChooser& chooser, std::initializer_list<const WeightSource*> sources);

// Gate and up: interleaved in one where they have the same form, or have to (low-rank updates want it).
std::vector<PlannedWeight> PlanGateUp(const FormChooser& chooser, const LinearSource& gate, const LinearSource& up);

// All packed weights of a layer in the order of LlamaLayer.
struct LayerPlan {
  std::vector<PlannedWeight> qkv_proj, o_proj, gate_up_proj, down_proj;
};
LayerPlan PlanLayer(const FormChooser& chooser, const LayerSource& layer);

}  // namespace puna::engine
