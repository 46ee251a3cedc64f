// Figures of rounding: 1; raised when the documents' tables no longer describe this code.
#include "engine/quantize/quantize_checkpoint.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <filesystem>
#include <map>
#include <stdexcept>

#include "engine/checkpoint/config/quantized_config.h"
#include "engine/checkpoint/files/content_hash.h"
#include "engine/checkpoint/files/safetensors_writer.h"
#include "engine/quantize/layer_shard.h"

namespace puna::engine {
namespace {

template <typename T>
uint64_t HashOf(const std::vector<T>& values) {
  return ContentHash(std::as_bytes(std::span(values)));
}

// Tells one model's layer from another's: a few rows of each matrix.
uint64_t MarkOf(const LayerSource& layer) {
  uint64_t mark = HashOf(layer.input_layernorm);
  for (const LinearSource* linear : {&layer.q_proj, &layer.o_proj, &layer.up_proj, &layer.down_proj}) {
    const int64_t rows = std::min<int64_t>(4, linear->weight->rows());
    std::vector<float> values(static_cast<size_t>(rows * linear->weight->cols()));
    linear->weight->ReadFloat(0, rows, values.data());
    mark = mark * 31 + HashOf(values);
  }
  return mark;
}

std::vector<float> ReadAll(const WeightSource& source, ThreadTeam& team) {
  std::vector<float> values(static_cast<size_t>(source.rows() * source.cols()));
  team.ForEach(source.rows(), [&](int64_t r, int) { source.ReadFloat(r, 1, values.data() + r * source.cols()); });
  return values;
}

void CheckSource(const Checkpoint& checkpoint, Bits bits) {
  const auto refuse = [&](const std::string& found) {
    throw std::runtime_error(checkpoint.name + ": expected weights as they were trained, found " + found +
                             "; puna pack keeps them as they are");
  };
  if (checkpoint.online_hadamard_down_proj || checkpoint.residual_rotation_seed) refuse("rotated ones");
  for (const LayerSource& layer : checkpoint.layers) {
    for (const LinearSource* linear : {&layer.q_proj, &layer.k_proj, &layer.v_proj, &layer.o_proj, &layer.gate_proj,
                                       &layer.up_proj, &layer.down_proj}) {
      if (linear->lora) refuse("adaptors beside them");
      if (bits == Bits::kInt4 && linear->weight->cols() % kInt4Group != 0) {
        throw std::runtime_error(linear->weight->name() +
                                 ": expected a multiple of 32 columns for groups of 32, found " +
                                 std::to_string(linear->weight->cols()) + "; use --scheme w8a8");
      }
    }
  }
}

class Quantizer {
 public:
  Quantizer(const Checkpoint& checkpoint, const std::string& folder, const QuantizeOptions& options,
            const QuantizeProgress& progress)
      : checkpoint_(checkpoint),
        config_(checkpoint.config),
        folder_(folder),
        options_(options),
        progress_(progress),
        team_(options.threads),
        tied_(checkpoint.lm_head == nullptr) {
    options_.rotations = AllowedRotations(config_, options.rotations);
    config_.tie_word_embeddings = tied_;
    spec_ = {config_, false, options_.rotations.down_proj, std::nullopt};
    format_ = options_.bits == Bits::kInt4 ? WeightFormat::kW4A8 : WeightFormat::kW8A8;
  }

  QuantizeResult Run() {
    if (!options_.calibration.empty()) EmbedCalibration();
    for (int layer = 0; layer < config_.num_hidden_layers; ++layer) QuantizeLayer(layer);
    Tell(config_.num_hidden_layers, "embedding and head");
    WriteTables();
    WriteConfig();
    return std::move(result_);
  }

 private:
  void Tell(int layer, const std::string& stage) {
    if (progress_) progress_(static_cast<double>(layer) / (config_.num_hidden_layers + 1), stage);
  }

  std::string ShardName(int index) const {
    char name[64];
    std::snprintf(name, sizeof name, "model-%05d-of-%05d.safetensors", index + 1, config_.num_hidden_layers + 1);
    return name;
  }
  std::string PathOf(const std::string& name) const { return (std::filesystem::path(folder_) / name).string(); }

  std::string Settings(int layer) const {
    const Rotations& r = options_.rotations;
    std::string text = options_.bits == Bits::kInt4 ? "w4a8" : "w8a8";
    if (r.residual_seed) text += " r1=" + std::to_string(*r.residual_seed);
    if (r.value_seed) text += " r2=" + std::to_string(*r.value_seed);
    if (r.down_proj) text += " r4";
    if (!options_.calibration.empty()) {
      uint64_t hash = 0;
      for (const auto& sequence : options_.calibration) hash = hash * 31 + HashOf(sequence);
      text += " gptq=" + std::to_string(hash) + " damping=" + std::to_string(options_.damping);
    }
    return text + " weights=" + std::to_string(MarkOf(checkpoint_.layers[static_cast<size_t>(layer)]));
  }

  // The residual stream in front of the first layer, one matrix a sequence.
  void EmbedCalibration() {
    std::optional<Rotation> rotation;
    if (options_.rotations.residual_seed) rotation.emplace(config_.hidden_size, *options_.rotations.residual_seed);
    size_t longest = 0;
    for (const std::vector<TokenId>& ids : options_.calibration) {
      std::vector<float>& x = streams_.emplace_back(ids.size() * static_cast<size_t>(config_.hidden_size));
      longest = std::max(longest, ids.size());
      for (size_t t = 0; t < ids.size(); ++t) {
        float* row = x.data() + t * static_cast<size_t>(config_.hidden_size);
        checkpoint_.embed_tokens->ReadFloat(ids[t], 1, row);
        if (rotation) rotation->Apply(row);
      }
    }
    const auto tokens = static_cast<int64_t>(longest);
    dense_forward_ = std::make_unique<LayerForward>(spec_, WeightFormat::kBf16, tokens, options_.isa, team_);
    rounded_forward_ = std::make_unique<LayerForward>(spec_, format_, tokens, options_.isa, team_);
  }

  MatView<float> Stream(std::vector<float>& x) const {
    const int64_t hidden = config_.hidden_size;
    return {x.data(), static_cast<int64_t>(x.size()) / hidden, hidden};
  }

  LayerHessians CollectHessians(const DenseLayer& dense) {
    LayerHessians hessians;
    const int64_t q = int64_t{config_.num_attention_heads} * config_.head_dim;
    const int64_t sizes[kLinearGroups] = {config_.hidden_size, q, config_.hidden_size, config_.intermediate_size};
    for (size_t g = 0; g < kLinearGroups; ++g) hessians[g] = std::make_unique<Hessian>(sizes[g], options_.isa);
    const LlamaLayer layer = PackLayer(MakeLayerSource(dense), WeightFormat::kBf16, options_.isa, team_);
    for (const std::vector<float>& stream : streams_) {
      std::vector<float> x = stream;
      dense_forward_->Run(layer, Stream(x), [&](LinearGroup group, MatView<const float> inputs) {
        hessians[static_cast<size_t>(group)]->Add(inputs, team_);
      });
    }
    return hessians;
  }

  void QuantizeLayer(int n) {
    const std::string name = ShardName(n + 1);
    const std::string stage = "layer " + std::to_string(n + 1) + " of " + std::to_string(config_.num_hidden_layers);
    Tell(n, stage);
    auto found = ReadLayerShard(PathOf(name), n, options_.bits, Settings(n));
    if (found) {
      ++result_.layers_found;
      result_.layers.push_back(found->errors);
      Note(name, found->contents);
      Advance(found->layer);
      return;
    }
    const DenseLayer dense =
        ReadLayer(checkpoint_.layers[static_cast<size_t>(n)], config_, options_.rotations, n, team_);
    LayerErrors errors;
    RoundedLayer rounded;
    if (streams_.empty()) {
      rounded = RoundLayer(dense, options_.bits, nullptr, 0, options_.isa, team_, &errors);
    } else {
      LayerHessians hessians = CollectHessians(dense);
      rounded = RoundLayer(dense, options_.bits, &hessians, options_.damping, options_.isa, team_, &errors);
    }
    result_.layers.push_back(errors);
    Note(name, WriteLayerShard(PathOf(name), n, rounded, errors, Settings(n)));
    Advance(rounded);
  }

  // The calibration text goes on through the layer as it will run.
  void Advance(const RoundedLayer& rounded) {
    if (streams_.empty()) return;
    const LlamaLayer layer = PackLayer(MakeLayerSource(rounded), format_, options_.isa, team_);
    for (std::vector<float>& stream : streams_) rounded_forward_->Run(layer, Stream(stream), {});
  }

  void Note(const std::string& shard, const ShardContents& contents) {
    for (const std::string& tensor : contents.names) shard_of_[tensor] = shard;
    total_bytes_ += contents.bytes;
  }

  void WriteTables() {
    std::vector<float> norm = checkpoint_.norm;
    std::vector<std::pair<std::string, std::vector<float>>> tables;
    tables.emplace_back("model.embed_tokens.weight", ReadAll(*checkpoint_.embed_tokens, team_));
    if (!tied_) tables.emplace_back("lm_head.weight", ReadAll(*checkpoint_.lm_head, team_));
    if (!tied_ && options_.rotations.residual_seed) {
      const Rotation r1(config_.hidden_size, *options_.rotations.residual_seed);
      for (auto& [name, values] : tables) {
        DenseMatrix table{config_.vocab_size, config_.hidden_size, std::move(values)};
        if (name == "lm_head.weight") FoldGain(table, norm, team_);
        RotateInputs(table, r1, team_);
        values = std::move(table.values);
        for (float& x : values) x = ToFloat(ToBf16(x));  // as the source has them; the runtime rounds them to 8 bits
      }
      norm.assign(norm.size(), 1.0f);
    }
    std::vector<FloatTensor> floats;
    for (auto& [name, values] : tables) floats.push_back(ToFloatTensor(std::exchange(values, {})));
    floats.push_back(ToFloatTensor(norm));
    std::vector<TensorToWrite> tensors;
    ShardContents contents;
    for (size_t i = 0; i < floats.size(); ++i) {
      const bool is_norm = i == tables.size();
      const std::string name = is_norm ? "model.norm.weight" : tables[i].first;
      std::vector<int64_t> shape = {config_.vocab_size, config_.hidden_size};
      if (is_norm) shape = {config_.hidden_size};
      tensors.push_back(
          {name, floats[i].exact_bf16 ? DType::kBf16 : DType::kF32, shape, std::as_bytes(std::span(floats[i].bytes))});
      contents.names.push_back(name);
      contents.bytes += static_cast<int64_t>(floats[i].bytes.size());
    }
    WriteSafetensors(PathOf(ShardName(0)), tensors, {{"format", "pt"}});
    Note(ShardName(0), contents);
  }

  // Last, so that a folder with config.json is a whole model.
  void WriteConfig() {
    WriteWholeFile(PathOf("model.safetensors.index.json"), SafetensorsIndexJson(shard_of_, total_bytes_));
    WriteWholeFile(PathOf("generation_config.json"), GenerationConfigJson(checkpoint_.generation));
    QuantizedScheme scheme{options_.bits == Bits::kInt4 ? 4 : 8, options_.rotations.down_proj, std::nullopt};
    if (tied_) scheme.residual_rotation_seed = options_.rotations.residual_seed;
    WriteWholeFile(PathOf("config.json"), QuantizedConfigJson(config_, scheme));
  }

  const Checkpoint& checkpoint_;
  ModelConfig config_;
  std::string folder_;
  QuantizeOptions options_;
  const QuantizeProgress& progress_;
  ThreadTeam team_;
  bool tied_;
  LlamaSpec spec_;
  WeightFormat format_ = WeightFormat::kW8A8;
  std::vector<std::vector<float>> streams_;  // [sequence][tokens, hidden_size]
  std::unique_ptr<LayerForward> dense_forward_, rounded_forward_;
  std::map<std::string, std::string> shard_of_;
  int64_t total_bytes_ = 0;
  QuantizeResult result_;
};

}  // namespace

Rotations AllowedRotations(const ModelConfig& config, const Rotations& wanted) {
  Rotations allowed = wanted;
  if (!Rotation::Exists(config.hidden_size)) allowed.residual_seed.reset();
  if (!Rotation::Exists(config.head_dim)) allowed.value_seed.reset();
  if (!std::has_single_bit(static_cast<uint32_t>(config.intermediate_size))) allowed.down_proj = false;
  return allowed;
}

QuantizeResult QuantizeCheckpoint(const Checkpoint& checkpoint, const std::string& folder,
                                  const QuantizeOptions& options, const QuantizeProgress& progress) {
  CheckSource(checkpoint, options.bits);
  std::filesystem::create_directories(folder);
  return Quantizer(checkpoint, folder, options, progress).Run();
}

}  // namespace puna::engine
