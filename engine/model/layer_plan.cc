#include "engine/model/layer_plan.h"

#include <algorithm>

#include "engine/kernels/gemm.h"
#include "engine/layers/linear.h"

namespace puna::engine {

WeightForm OwnForm(const WeightSource& source) {
  using Encoding = WeightSource::Encoding;
  if (source.encoding() == Encoding::kInt4 && source.group_size() % kInt4Group == 0) return WeightFormat::kW4A8;
  if (source.encoding() == Encoding::kInt8) return WeightFormat::kW8A8;
  const std::optional<GroupForm> groups = source.groups();
  if (!groups) return WeightFormat::kBf16;
  const std::optional<GroupForm> form = KernelForm(*groups, source.cols());
  return form ? WeightForm(*form, !source.column_order().empty()) : WeightFormat::kBf16;
}

FormChooser::FormChooser(const Checkpoint& checkpoint, std::optional<WeightFormat> wanted) : wanted_(wanted) {
  for (const LayerSource& layer : checkpoint.layers) {
    for (const LinearSource* linear : {&layer.q_proj, &layer.k_proj, &layer.v_proj, &layer.o_proj, &layer.gate_proj,
                                       &layer.up_proj, &layer.down_proj}) {
      integer_layers_ = integer_layers_ || Of(*linear->weight) != WeightFormat::kBf16;
    }
  }
}

WeightForm FormChooser::Of(const WeightSource& source) const { return wanted_ ? *wanted_ : OwnForm(source); }

WeightForm FormChooser::OfHead(const WeightSource& source) const {
  const WeightForm follows = integer_layers_ ? WeightFormat::kW8A8 : WeightFormat::kBf16;
  if (wanted_) return *wanted_ == WeightFormat::kBf16 ? WeightFormat::kBf16 : WeightFormat::kW8A8;
  const WeightForm own = OwnForm(source);
  return own == WeightFormat::kBf16 ? follows : own;
}

namespace {

// Whether two matrices can be parts of one packed weight.
bool AreOneForm(const FormChooser& chooser, const WeightSource& a, const WeightSource& b) {
  const WeightForm form = chooser.Of(a);
  if (form != chooser.Of(b)) return false;
  return !form.ordered || std::ranges::equal(a.column_order(), b.column_order());
}

}  // namespace

std::vector<PlannedWeight> PlanStacked(const FormChooser& chooser, std::initializer_list<const WeightSource*> sources) {
  std::vector<PlannedWeight> weights;
  for (const WeightSource* source : sources) {
    if (weights.empty() || !AreOneForm(chooser, *weights.back().sources.back(), *source)) {
      weights.push_back({chooser.Of(*source), 0, source->cols(), {}});
    }
    weights.back().outputs += source->rows();
    weights.back().sources.push_back(source);
  }
  return weights;
}

std::vector<PlannedWeight> PlanGateUp(const FormChooser& chooser, const LinearSource& gate, const LinearSource& up) {
  const WeightSource& g = *gate.weight;
  const WeightSource& u = *up.weight;
  const bool updated = gate.lora != nullptr || up.lora != nullptr;
  const bool one = AreOneForm(chooser, g, u);
  if (!one && !updated) return {{chooser.Of(g), g.rows(), g.cols(), {&g}}, {chooser.Of(u), u.rows(), u.cols(), {&u}}};
  const WeightForm form = one ? chooser.Of(g) : WeightForm(WeightFormat::kBf16);
  return {{form, GateUpOutputs(g.rows()), g.cols(), {&g, &u}}};
}

LayerPlan PlanLayer(const FormChooser& chooser, const LayerSource& layer) {
  return {.qkv_proj =
              PlanStacked(chooser, {layer.q_proj.weight.get(), layer.k_proj.weight.get(), layer.v_proj.weight.get()}),
          .o_proj = PlanStacked(chooser, {layer.o_proj.weight.get()}),
          .gate_up_proj = PlanGateUp(chooser, layer.gate_proj, layer.up_proj),
          .down_proj = PlanStacked(chooser, {layer.down_proj.weight.get()})};
}

}  // namespace puna::engine
