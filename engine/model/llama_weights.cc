#include "engine/model/llama_weights.h"

#include <algorithm>

#include "engine/base/check.h"

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
  Packer(WeightFormat format, Isa isa, ThreadTeam& team, Meter& meter)
      : format_(format), isa_(isa), team_(team), meter_(meter) {}

  // Sources stacked on each other: their rows, one after the other.
  Linear Stacked(std::initializer_list<const WeightSource*> sources) {
    int64_t rows = 0;
    for (const WeightSource* source : sources) rows += source->rows();
    const auto row_of = [&](int64_t row) {
      for (const WeightSource* source : sources) {
        if (row < source->rows()) return RowRef{source, row};
        row -= source->rows();
      }
      return RowRef{};
    };
    return Make(rows, *sources.begin(), row_of, sources);
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

  Linear GateUp(const WeightSource& gate, const WeightSource& up) {
    const auto row_of = [&](int64_t column) {
      const GateUpColumn at = GateUpOf(column);
      if (at.row >= gate.rows()) return RowRef{};
      return RowRef{at.up ? &up : &gate, at.row};
    };
    return Make(GateUpOutputs(gate.rows()), &gate, row_of, {&gate, &up});
  }

 private:
  Linear Make(int64_t outputs, const WeightSource* shape, const std::function<RowRef(int64_t)>& row_of,
              std::initializer_list<const WeightSource*> sources) {
    PackedWeight packed = Pack(format_, outputs, shape->cols(), row_of, team_);
    for (const WeightSource* source : sources) source->Release();
    meter_.Add(packed);
    return Linear(std::move(packed), isa_);
  }

  WeightFormat format_;
  Isa isa_;
  ThreadTeam& team_;
  Meter& meter_;
};

LlamaLayer PackLayer(const LayerSource& source, Packer& packer) {
  LlamaLayer layer;
  layer.input_layernorm = source.input_layernorm;
  layer.post_attention_layernorm = source.post_attention_layernorm;
  layer.qkv_proj = packer.Stacked({source.q_proj.weight.get(), source.k_proj.weight.get(), source.v_proj.weight.get()});
  layer.o_proj = packer.Stacked({source.o_proj.weight.get()});
  layer.gate_up_proj = packer.GateUp(*source.gate_proj.weight, *source.up_proj.weight);
  layer.down_proj = packer.Stacked({source.down_proj.weight.get()});
  layer.qkv_lora = packer.StackedLora({&source.q_proj, &source.k_proj, &source.v_proj});
  layer.o_lora = packer.StackedLora({&source.o_proj});
  layer.gate_up_lora = packer.GateUpLora(source.gate_proj, source.up_proj);
  layer.down_lora = packer.StackedLora({&source.down_proj});
  return layer;
}

}  // namespace

LlamaLayer PackLayer(const LayerSource& source, WeightFormat format, Isa isa, ThreadTeam& team) {
  Meter meter;
  Packer packer(format, isa, team, meter);
  return PackLayer(source, packer);
}

size_t LlamaWeights::bytes() const {
  size_t total = embed_tokens.weight().bytes() + norm.size() * sizeof(float);
  if (lm_head) total += lm_head->weight().bytes();
  for (const LlamaLayer& layer : layers) {
    total += layer.qkv_proj.weight().bytes() + layer.o_proj.weight().bytes() + layer.gate_up_proj.weight().bytes() +
             layer.down_proj.weight().bytes();
    for (const auto* lora : {&layer.qkv_lora, &layer.o_lora, &layer.gate_up_lora, &layer.down_lora}) {
      if (*lora) total += (*lora)->down.weight().bytes() + (*lora)->up.weight().bytes();
    }
    total += (layer.input_layernorm.size() + layer.post_attention_layernorm.size()) * sizeof(float);
  }
  return total;
}

bool LlamaWeights::has_lora() const {
  return std::any_of(layers.begin(), layers.end(), [](const LlamaLayer& layer) {
    return layer.qkv_lora || layer.o_lora || layer.gate_up_lora || layer.down_lora;
  });
}

WeightFormat NativeFormat(const Checkpoint& checkpoint) {
  auto format = WeightFormat::kW4A8;
  for (const LayerSource& layer : checkpoint.layers) {
    for (const LinearSource* linear : {&layer.q_proj, &layer.k_proj, &layer.v_proj, &layer.o_proj, &layer.gate_proj,
                                       &layer.up_proj, &layer.down_proj}) {
      const WeightSource& weight = *linear->weight;
      const bool fits_int4 =
          weight.encoding() == WeightSource::Encoding::kInt4 && weight.group_size() % kInt4Group == 0;
      if (fits_int4) continue;
      if (weight.encoding() != WeightSource::Encoding::kInt8) return WeightFormat::kBf16;
      format = WeightFormat::kW8A8;
    }
  }
  return format;
}

LlamaWeights PackLlama(const Checkpoint& checkpoint, const LlamaOptions& options, const LoadProgress& progress) {
  ThreadTeam team(options.threads);
  LlamaWeights w;
  w.format = options.weights.value_or(NativeFormat(checkpoint));
  w.head_format = w.format == WeightFormat::kBf16 ? WeightFormat::kBf16 : WeightFormat::kW8A8;
  w.norm = checkpoint.norm;
  Meter meter(checkpoint.config, progress, checkpoint.lm_head == nullptr);
  Packer head_packer(w.head_format, options.isa, team, meter);
  Packer packer(w.format, options.isa, team, meter);
  w.embed_tokens = head_packer.Stacked({checkpoint.embed_tokens.get()});
  if (checkpoint.lm_head) w.lm_head = std::make_unique<Linear>(head_packer.Stacked({checkpoint.lm_head.get()}));
  w.layers.reserve(checkpoint.layers.size());
  for (const LayerSource& layer : checkpoint.layers) w.layers.push_back(PackLayer(layer, packer));
  return w;
}

}  // namespace puna::engine
