#include "engine/model/packed_llama.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "engine/base/thread_team.h"
#include "engine/layers/packed_blob.h"
#include "engine/model/footprint.h"
#include "engine/model/llama_model.h"
#include "engine/model/llama_weights.h"

namespace puna::engine {
namespace {

constexpr char kVector[] = "f32";
constexpr int64_t kMaxRank = 4096;
constexpr size_t kMaxParts = 3;  // q, k and v
constexpr char kPackAgain[] = "; make it again with puna pack";

std::string LayerName(size_t layer, const char* part) { return "layers." + std::to_string(layer) + "." + part; }

// Of a linear that is several packed weights.
std::string PartName(const std::string& linear, size_t part) { return linear + "." + std::to_string(part); }

// Calls fn(name, Linear) for the four linears and fn(name, Lora or null) for the four adaptors of a
// layer.
template <typename Layer, typename OnLinear, typename OnLora>
void VisitLayer(Layer& layer, size_t n, const OnLinear& on_linear, const OnLora& on_lora) {
  on_linear(LayerName(n, "qkv_proj"), layer.qkv_proj);
  on_linear(LayerName(n, "o_proj"), layer.o_proj);
  on_linear(LayerName(n, "gate_up_proj"), layer.gate_up_proj);
  on_linear(LayerName(n, "down_proj"), layer.down_proj);
  on_lora(LayerName(n, "qkv_lora"), layer.qkv_lora);
  on_lora(LayerName(n, "o_lora"), layer.o_lora);
  on_lora(LayerName(n, "gate_up_lora"), layer.gate_up_lora);
  on_lora(LayerName(n, "down_lora"), layer.down_lora);
}

void AddLinear(PackedFileWriter& writer, const std::string& name, const Linear& linear) {
  const std::vector<PackedWeight>& weights = linear.weights();
  for (size_t i = 0; i < weights.size(); ++i) {
    const PackedWeight& w = weights[i];
    writer.Add(weights.size() == 1 ? name : PartName(name, i),
               {.format = Name(w.form), .outputs = w.outputs, .inputs = w.inputs}, BlobParts(w));
  }
}

void AddVector(PackedFileWriter& writer, const std::string& name, const std::vector<float>& values) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(values));
  writer.Add(name, {.format = kVector, .outputs = static_cast<int64_t>(values.size()), .inputs = 1}, {&bytes, 1});
}

void AddLayer(PackedFileWriter& writer, size_t n, const LlamaLayer& layer) {
  AddVector(writer, LayerName(n, "input_layernorm"), layer.input_layernorm);
  AddVector(writer, LayerName(n, "post_attention_layernorm"), layer.post_attention_layernorm);
  VisitLayer(
      layer, n, [&](const std::string& name, const Linear& linear) { AddLinear(writer, name, linear); },
      [&](const std::string& name, const std::unique_ptr<Lora>& lora) {
        if (!lora) return;
        AddLinear(writer, name + ".down", lora->down);
        AddLinear(writer, name + ".up", lora->up);
      });
}

// Takes sections out of a file, each checked against what the configuration says it is.
class Mapper {
 public:
  Mapper(const std::shared_ptr<const PackedFile>& file, Isa isa) : file_(file), isa_(isa) {}

  // One weight of these outputs, or several that have them together.
  Linear TakeStacked(const std::string& name, int64_t outputs, int64_t inputs) {
    if (file_->Has(name)) return Linear(TakeWeight(name, outputs, inputs), isa_);
    std::vector<PackedWeight> weights;
    int64_t found = 0;
    for (size_t part = 0; part < kMaxParts && file_->Has(PartName(name, part)); ++part) {
      const int64_t own = file_->Section(PartName(name, part)).outputs;
      if (own < 1 || own > outputs - found) break;
      weights.push_back(TakeWeight(PartName(name, part), own, inputs));
      found += own;
    }
    if (weights.empty()) file_->Section(name);  // says that it is missing
    if (found != outputs) Refuse(name, std::to_string(outputs) + " outputs", std::to_string(found));
    return Linear(std::move(weights), isa_);
  }

  Linear TakeGateUp(const std::string& name, int64_t intermediate_size, int64_t inputs) {
    if (!file_->Has(PartName(name, 0))) return Linear(TakeWeight(name, GateUpOutputs(intermediate_size), inputs), isa_);
    std::vector<PackedWeight> weights;
    for (size_t part = 0; part < 2; ++part) {
      weights.push_back(TakeWeight(PartName(name, part), intermediate_size, inputs));
    }
    return Linear(std::move(weights), isa_);
  }

  PackedWeight TakeWeight(const std::string& name, int64_t outputs, int64_t inputs) {
    const WeightForm form = FormOf(name, inputs);
    const PackedSection& section =
        Check(name, Name(form), outputs, inputs, static_cast<int64_t>(BlobBytes(form, outputs, inputs)));
    bytes_ += static_cast<size_t>(section.bytes);
    PackedWeight weight = MapBlob(form, outputs, inputs, file_->Bytes(section), file_->file());
    for (const int32_t input : weight.column_order()) {
      if (input < 0 || input >= inputs)
        Refuse(name, "an order of its " + std::to_string(inputs) + " inputs", std::to_string(input));
    }
    return weight;
  }

  std::vector<float> TakeVector(const std::string& name, int64_t n) {
    const PackedSection& section = Check(name, kVector, n, 1, (n * 4 + 63) / 64 * 64);
    const auto* values = reinterpret_cast<const float*>(file_->Bytes(section).data());
    return {values, values + n};
  }

  std::unique_ptr<Lora> TakeLora(const std::string& name, const Linear& linear) {
    if (!file_->Has(name + ".down")) return nullptr;
    const int64_t rank = file_->Section(name + ".down").outputs;
    if (rank > kMaxRank) Refuse(name, "a rank of at most " + std::to_string(kMaxRank), std::to_string(rank));
    auto lora = std::make_unique<Lora>();
    lora->down = TakeStacked(name + ".down", rank, linear.inputs());
    lora->up = TakeStacked(name + ".up", linear.outputs(), rank);
    if (lora->down.formats() != WeightFormat::kBf16 || lora->up.formats() != WeightFormat::kBf16) {
      Refuse(name, "bf16", Name(lora->down.weights().front().form) + ", " + Name(lora->up.weights().front().form));
    }
    if (linear.weights().size() > 1)
      Refuse(name, "one packed weight below it", std::to_string(linear.weights().size()));
    return lora;
  }

  [[noreturn]] void Refuse(const std::string& item, const std::string& expected, const std::string& found) const {
    throw std::runtime_error(file_->path() + ": " + item + ": expected " + expected + ", found " + found + kPackAgain);
  }
  size_t bytes() const { return bytes_; }

 private:
  WeightForm FormOf(const std::string& name, int64_t inputs) const {
    const std::string& format = file_->Section(name).format;
    const std::optional<WeightForm> form = WeightFormOf(format);
    if (!form) Refuse(name, "a weight format", "\"" + format.substr(0, 20) + "\"");
    if (form->format == WeightFormat::kGroups && KernelForm(form->groups, inputs) != form->groups) {
      Refuse(name, "a form for " + std::to_string(inputs) + " inputs", format);
    }
    return *form;
  }

  const PackedSection& Check(const std::string& name, const std::string& format, int64_t outputs, int64_t inputs,
                             int64_t bytes) const {
    const auto text = [](const std::string& f, int64_t o, int64_t i, int64_t b) {
      return f + " [" + std::to_string(o) + ", " + std::to_string(i) + "] in " + std::to_string(b) + " bytes";
    };
    const PackedSection& s = file_->Section(name);
    if (s.format != format || s.outputs != outputs || s.inputs != inputs || s.bytes != bytes) {
      Refuse(name, text(format, outputs, inputs, bytes), text(s.format.substr(0, 20), s.outputs, s.inputs, s.bytes));
    }
    return s;
  }

  std::shared_ptr<const PackedFile> file_;
  Isa isa_;
  size_t bytes_ = 0;
};

LlamaLayer TakeLayer(Mapper& from, size_t n, const ModelConfig& c) {
  const int64_t q = int64_t{c.num_attention_heads} * c.head_dim;
  const int64_t kv = int64_t{c.num_key_value_heads} * c.head_dim;
  LlamaLayer layer;
  layer.input_layernorm = from.TakeVector(LayerName(n, "input_layernorm"), c.hidden_size);
  layer.post_attention_layernorm = from.TakeVector(LayerName(n, "post_attention_layernorm"), c.hidden_size);
  layer.qkv_proj = from.TakeStacked(LayerName(n, "qkv_proj"), q + 2 * kv, c.hidden_size);
  layer.o_proj = from.TakeStacked(LayerName(n, "o_proj"), c.hidden_size, q);
  layer.gate_up_proj = from.TakeGateUp(LayerName(n, "gate_up_proj"), c.intermediate_size, c.hidden_size);
  layer.down_proj = from.TakeStacked(LayerName(n, "down_proj"), c.hidden_size, c.intermediate_size);
  layer.qkv_lora = from.TakeLora(LayerName(n, "qkv_lora"), layer.qkv_proj);
  layer.o_lora = from.TakeLora(LayerName(n, "o_lora"), layer.o_proj);
  layer.gate_up_lora = from.TakeLora(LayerName(n, "gate_up_lora"), layer.gate_up_proj);
  layer.down_lora = from.TakeLora(LayerName(n, "down_lora"), layer.down_proj);
  return layer;
}

// Has the pages there before the first request wants them, and none of them served that is not what was written.
void ReadAndVerify(const PackedFile& file, int threads, const LoadProgress& progress) {
  constexpr size_t kPiece = size_t{64} << 20;
  const std::vector<std::string> names = file.SectionNames();
  const auto total = static_cast<double>(file.file()->bytes().size());
  std::atomic<size_t> done{0};
  const auto read = [&](const std::string& name, bool is_caller) {
    const std::span<const std::byte> bytes = file.Bytes(file.Section(name));
    for (size_t at = 0; at < bytes.size(); at += kPiece) {
      const auto piece = bytes.subspan(at, std::min(kPiece, bytes.size() - at));
      file.file()->Populate(piece);
      done += piece.size();
      if (is_caller && progress) progress(std::min(1.0, static_cast<double>(done) / total));
    }
    file.Verify(name);
  };
  ThreadTeam team(threads);
  team.ForEach(static_cast<int64_t>(names.size()), [&](int64_t n, int thread) { read(names[n], thread == 0); });
}

}  // namespace

void WritePackedLlama(const Checkpoint& checkpoint, const std::string& path, std::vector<PackedOrigin> origins,
                      const LlamaOptions& options, const LoadProgress& progress) {
  const LlamaWeights weights = PackLlama(checkpoint, options, progress);
  PackedFileWriter writer(path);
  for (size_t n = 0; n < weights.layers.size(); ++n) AddLayer(writer, n, weights.layers[n]);
  AddVector(writer, "norm", weights.norm);
  AddLinear(writer, "embed_tokens", weights.embed_tokens);
  if (weights.lm_head) AddLinear(writer, "lm_head", *weights.lm_head);
  ModelConfig config = checkpoint.config;
  config.tie_word_embeddings = weights.lm_head == nullptr;
  writer.Finish({.name = checkpoint.name,
                 .layout = kPackedLayout,
                 .weights = weights.LayerForms(),
                 .head_weights = weights.HeadForms(),
                 .config = config,
                 .generation = checkpoint.generation,
                 .activation_rule = checkpoint.activation_rule,
                 .online_hadamard_down_proj = checkpoint.online_hadamard_down_proj,
                 .residual_rotation_seed = checkpoint.residual_rotation_seed,
                 .origins = std::move(origins)});
}

std::unique_ptr<Model> LoadPackedLlama(const std::shared_ptr<const PackedFile>& file, const LlamaOptions& options,
                                       const LoadProgress& progress) {
  const PackedInfo& info = file->info();
  Mapper from(file, options.isa);
  if (info.layout != kPackedLayout) {
    from.Refuse("layout", std::to_string(kPackedLayout), std::to_string(info.layout) + ", of another version of puna");
  }
  LlamaWeights w;
  if (options.weights && Name(*options.weights) != info.weights)
    from.Refuse("weights", Name(*options.weights), info.weights);
  const ModelConfig& c = info.config;
  CheckHeads(c);
  if (info.online_hadamard_down_proj && (c.intermediate_size & (c.intermediate_size - 1)) != 0) {
    from.Refuse("intermediate_size", "a power of two, as the online rotation needs",
                std::to_string(c.intermediate_size));
  }
  if (info.residual_rotation_seed && !Rotation::Exists(c.hidden_size)) {
    from.Refuse("hidden_size", "the order of a Hadamard matrix, as the rotation needs", std::to_string(c.hidden_size));
  }
  w.norm = from.TakeVector("norm", c.hidden_size);
  w.embed_tokens = Linear(from.TakeWeight("embed_tokens", c.vocab_size, c.hidden_size), options.isa);
  if (!c.tie_word_embeddings) {
    w.lm_head = std::make_unique<Linear>(from.TakeWeight("lm_head", c.vocab_size, c.hidden_size), options.isa);
  }
  for (int n = 0; n < c.num_hidden_layers; ++n) w.layers.push_back(TakeLayer(from, static_cast<size_t>(n), c));
  if (w.LayerForms() != info.weights) from.Refuse("weights", w.LayerForms(), info.weights.substr(0, 80));
  if (w.HeadForms() != info.head_weights) from.Refuse("head_weights", w.HeadForms(), info.head_weights.substr(0, 80));
  w.mapped_bytes = from.bytes();
  ReadAndVerify(*file, options.threads, progress);
  const LlamaSpec spec{c, info.activation_rule == Checkpoint::ActivationRule::kAsymmetric,
                       info.online_hadamard_down_proj, info.residual_rotation_seed};
  return std::make_unique<LlamaModel>(spec, std::move(w), options);
}

}  // namespace puna::engine
