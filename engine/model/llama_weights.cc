#include "engine/model/llama_weights.h"

#include <algorithm>
#include <functional>

#include "engine/base/check.h"
#include "engine/model/layer_plan.h"

namespace puna::engine {
namespace {

// Counts packed weights and tells the caller's progress about them.
class Meter {
 public:
  Meter() : progress_(nullptr) {}
  Meter(const ModelConfig& c, const LoadProgress& progress, bool tied) : progress_(&progress) {
    const double h = c.hidden_size;
    const double attention = h * c.head_dim * (2.0 * c.num_attention_heads + 2.0 * c.num_key_value_heads);
    total_ = c.num_hidden_layers * (attention + 3.0 * h * c.intermediate_size) + (tied ? 1 : 2) * h * c.vocab_size;
  }
  void Add(const PackedWeight& w) {
    done_ += static_cast<double>(w.outputs) * static_cast<double>(w.inputs);
    if (progress_ != nullptr && *progress_) (*progress_)(std::min(1.0, done_ / total_));
  }

 private:
  const LoadProgress* progress_;  // null: nobody asks
  double total_ = 1;
  double done_ = 0;
};

class Packer {
 public:
  Packer(Isa isa, ThreadTeam& team, Meter& meter) : isa_(isa), team_(team), meter_(meter) {}

  // Matrices that share their input, one after the other.
  Linear Stacked(const std::vector<PlannedWeight>& plan) {
    std::vector<PackedWeight> weights;
    for (const PlannedWeight& planned : plan) weights.push_back(PackStacked(planned));
    return Linear(std::move(weights), isa_);
  }

  std::unique_ptr<Lora> StackedLora(const std::vector<const LinearSource*>& parts) {
    int64_t outputs = 0;
    for (const LinearSource* part : parts) outputs += part->weight->rows();
    const auto output_of = [&](int64_t row) {
      for (size_t i = 0; i < parts.size(); ++i) {
        if (row < parts[i]->weight->rows()) return FusedOutput{static_cast<int>(i), row};
        row -= parts[i]->weight->rows();
      }
      return FusedOutput{};
    };
    return PackLora(parts, outputs, output_of, isa_, team_);
  }

  std::unique_ptr<Lora> GateUpLora(const LinearSource& gate, const LinearSource& up) {
    const auto output_of = [&](int64_t column) {
      const GateUpColumn at = GateUpOf(column);
      return at.row < gate.weight->rows() ? FusedOutput{at.up ? 1 : 0, at.row} : FusedOutput{};
    };
    return PackLora({&gate, &up}, GateUpOutputs(gate.weight->rows()), output_of, isa_, team_);
  }

  // Gate and up, interleaved or beside each other.
  Linear GateUp(const std::vector<PlannedWeight>& plan) {
    if (plan.size() > 1) return Stacked(plan);
    const WeightSource& gate = *plan.front().sources.front();
    const WeightSource& up = *plan.front().sources.back();
    const auto row_of = [&](int64_t column) {
      const GateUpColumn at = GateUpOf(column);
      if (at.row >= gate.rows()) return RowRef{};
      return RowRef{at.up ? &up : &gate, at.row};
    };
    return Linear(Packed(plan.front(), row_of), isa_);
  }

 private:
  PackedWeight PackStacked(const PlannedWeight& planned) {
    const auto row_of = [&](int64_t row) {
      for (const WeightSource* source : planned.sources) {
        if (row < source->rows()) return RowRef{source, row};
        row -= source->rows();
      }
      return RowRef{};
    };
    return Packed(planned, row_of);
  }

  PackedWeight Packed(const PlannedWeight& planned, const std::function<RowRef(int64_t)>& row_of) {
    PackedWeight packed = Pack(planned.form, planned.outputs, planned.inputs, row_of, team_, isa_);
    for (const WeightSource* source : planned.sources) source->Release();
    meter_.Add(packed);
    return packed;
  }

  Isa isa_;
  ThreadTeam& team_;
  Meter& meter_;
};

LlamaLayer PackLayer(const LayerSource& source, const FormChooser& chooser, Packer& packer) {
  const LayerPlan plan = PlanLayer(chooser, source);
  LlamaLayer layer;
  layer.input_layernorm = source.input_layernorm;
  layer.post_attention_layernorm = source.post_attention_layernorm;
  layer.qkv_proj = packer.Stacked(plan.qkv_proj);
  layer.o_proj = packer.Stacked(plan.o_proj);
  layer.gate_up_proj = packer.GateUp(plan.gate_up_proj);
  layer.down_proj = packer.Stacked(plan.down_proj);
  layer.qkv_lora = packer.StackedLora({&source.q_proj, &source.k_proj, &source.v_proj});
  layer.o_lora = packer.StackedLora({&source.o_proj});
  layer.gate_up_lora = packer.GateUpLora(source.gate_proj, source.up_proj);
  layer.down_lora = packer.StackedLora({&source.down_proj});
  return layer;
}

}  // namespace

LlamaLayer PackLayer(const LayerSource& source, WeightFormat format, Isa isa, ThreadTeam& team) {
  Meter meter;
  Packer packer(isa, team, meter);
  return PackLayer(source, FormChooser(format), packer);
}

size_t LlamaWeights::bytes() const {
  size_t total = embed_tokens.bytes() + norm.size() * sizeof(float);
  if (lm_head) total += lm_head->bytes();
  for (const LlamaLayer& layer : layers) {
    for (const Linear* linear : layer.linears()) total += linear->bytes();
    for (const auto* lora : {&layer.qkv_lora, &layer.o_lora, &layer.gate_up_lora, &layer.down_lora}) {
      if (*lora) total += (*lora)->down.bytes() + (*lora)->up.bytes();
    }
    total += (layer.input_layernorm.size() + layer.post_attention_layernorm.size()) * sizeof(float);
  }
  return total;
}

int LlamaWeights::max_orders() const {
  size_t most = 1;
  for (const LlamaLayer& layer : layers) {
    for (const Linear* linear : layer.linears()) most = std::max(most, linear->orders().size());
  }
  return static_cast<int>(most);
}

FormatSet LlamaWeights::layer_formats() const {
  FormatSet formats;
  for (const LlamaLayer& layer : layers) {
    for (const Linear* linear : layer.linears()) formats = formats | linear->formats();
  }
  return formats;
}

std::string FormsBySize(const std::vector<std::pair<WeightForm, size_t>>& weights) {
  std::vector<std::pair<size_t, std::string>> sizes;
  for (const auto& [form, bytes] : weights) {
    const std::string name = Name(form);
    const auto same = std::find_if(sizes.begin(), sizes.end(), [&](const auto& entry) { return entry.second == name; });
    if (same == sizes.end()) {
      sizes.emplace_back(bytes, name);
    } else {
      same->first += bytes;
    }
  }
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  std::string text;
  for (const auto& [bytes, name] : sizes) text += (text.empty() ? "" : " + ") + name;
  return text;
}

std::string LlamaWeights::LayerForms() const {
  std::vector<std::pair<WeightForm, size_t>> weights;
  for (const LlamaLayer& layer : layers) {
    for (const Linear* linear : layer.linears()) {
      for (const PackedWeight& w : linear->weights()) weights.emplace_back(w.form, w.bytes());
    }
  }
  return FormsBySize(weights);
}

std::string LlamaWeights::HeadForms() const {
  std::vector<std::pair<WeightForm, size_t>> weights;
  for (const Linear* linear : {&embed_tokens, &head()}) {
    for (const PackedWeight& w : linear->weights()) weights.emplace_back(w.form, w.bytes());
  }
  return FormsBySize(weights);
}

bool LlamaWeights::has_lora() const {
  return std::any_of(layers.begin(), layers.end(), [](const LlamaLayer& layer) {
    return layer.qkv_lora || layer.o_lora || layer.gate_up_lora || layer.down_lora;
  });
}

LlamaWeights PackLlama(const Checkpoint& checkpoint, const LlamaOptions& options, const LoadProgress& progress) {
  ThreadTeam team(options.threads);
  const FormChooser chooser(checkpoint, options.weights);
  LlamaWeights w;
  w.norm = checkpoint.norm;
  Meter meter(checkpoint.config, progress, checkpoint.lm_head == nullptr);
  Packer packer(options.isa, team, meter);
  const auto table = [&](const WeightSource& source) {
    return packer.Stacked({{chooser.OfHead(source), source.rows(), source.cols(), {&source}}});
  };
  w.embed_tokens = table(*checkpoint.embed_tokens);
  if (checkpoint.lm_head) w.lm_head = std::make_unique<Linear>(table(*checkpoint.lm_head));
  w.layers.reserve(checkpoint.layers.size());
  for (const LayerSource& layer : checkpoint.layers) w.layers.push_back(PackLayer(layer, chooser, packer));
  return w;
}

}  // namespace puna::engine
