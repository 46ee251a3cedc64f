#include "engine/checkpoint/gguf/gguf_checkpoint.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numbers>
#include <set>
#include <utility>

#include "engine/checkpoint/config/end_of_turn.h"
#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/files/tensor.h"
#include "engine/checkpoint/gguf/gguf_file.h"
#include "engine/checkpoint/gguf/gguf_names.h"
#include "engine/checkpoint/gguf/gguf_source.h"

namespace puna::engine {
namespace {

class GgufReader {
 public:
  GgufReader(const GgufFile& file, const ModelConfig& config) : file_(file), config_(config) {}

  const GgufTensor& Take(const std::string& name, const std::vector<int64_t>& shape) {
    const auto it = file_.tensors().find(name);
    if (it == file_.tensors().end() || it->second.shape != shape) {
      Throw({.path = file_.file()->path(),
             .item = name,
             .expected = "a tensor " + ShapeText(shape),
             .found = it == file_.tensors().end() ? "none of this name" : ShapeText(it->second.shape),
             .remedy = "the file is incomplete or not of a Llama: download it again"});
    }
    used_.insert(name);
    return it->second;
  }
  bool Has(const std::string& name) const { return file_.tensors().count(name) > 0; }

  std::unique_ptr<WeightSource> Weight(const std::string& name, int64_t rows, int64_t cols, RowOrder order = {}) {
    return MakeGgufSource(Take(name, {rows, cols}), order);
  }
  std::vector<float> Vector(const std::string& name, int64_t n) {
    const Tensor tensor = PlainGgufTensor(Take(name, {n}));
    std::vector<float> values(static_cast<size_t>(n));
    ReadFloats(tensor, 0, n, values.data());
    if (!AllFinite(values)) ThrowNotFinite(tensor.path(), name, 0, "weight", NAN);
    return values;
  }

  LayerSource Layer(int n) {
    const std::string layer = "blk." + std::to_string(n) + ".";
    const int64_t hidden = config_.hidden_size, ffn = config_.intermediate_size;
    const int64_t q = static_cast<int64_t>(config_.num_attention_heads) * config_.head_dim;
    const int64_t kv = static_cast<int64_t>(config_.num_key_value_heads) * config_.head_dim;
    const RowOrder heads{config_.head_dim};
    LayerSource source;
    source.input_layernorm = Vector(layer + "attn_norm.weight", hidden);
    source.post_attention_layernorm = Vector(layer + "ffn_norm.weight", hidden);
    source.q_proj.weight = Weight(layer + "attn_q.weight", q, hidden, heads);
    source.k_proj.weight = Weight(layer + "attn_k.weight", kv, hidden, heads);
    source.v_proj.weight = Weight(layer + "attn_v.weight", kv, hidden);
    source.o_proj.weight = Weight(layer + "attn_output.weight", hidden, q);
    source.gate_proj.weight = Weight(layer + "ffn_gate.weight", ffn, hidden);
    source.up_proj.weight = Weight(layer + "ffn_up.weight", ffn, hidden);
    source.down_proj.weight = Weight(layer + "ffn_down.weight", hidden, ffn);
    return source;
  }

  void CheckNothingLeft() const {
    for (const auto& [name, tensor] : file_.tensors()) {
      if (used_.count(name) > 0) continue;
      Throw({.path = file_.file()->path(),
             .item = Printable(name),
             .expected = "only the tensors of a Llama with " + std::to_string(config_.num_hidden_layers) + " layers",
             .found = "this one of shape " + ShapeText(tensor.shape),
             .remedy = "use a plain Llama model"});
    }
  }

 private:
  const GgufFile& file_;
  const ModelConfig& config_;
  std::set<std::string> used_;
};

void RefuseKey(const GgufFile& file, const std::string& key, const std::string& expected, const std::string& found) {
  Throw({.path = file.file()->path(),
         .item = key,
         .expected = expected,
         .found = found,
         .remedy = "only Llama models (3.0 to 3.3 and siblings) can be served"});
}

// Linear and YaRN scaling stand in keys; older files have but "scale_linear".
std::optional<RopeScaling> ReadScalingKeys(const GgufFile& file, const ModelConfig& config) {
  constexpr char kType[] = "llama.rope.scaling.type";
  const double old = file.Number("llama.rope.scale_linear", 1e-3, 1e6, 1);
  const double factor = file.Number("llama.rope.scaling.factor", 1e-3, 1e6, old);
  const std::string type = file.String(kType, old == 1 ? "none" : "linear");
  if (type == "none" || factor == 1) return std::nullopt;
  if (type == "linear") return RopeScaling{.kind = RopeScaling::Kind::kLinear, .factor = factor};
  if (type != "yarn") RefuseKey(file, kType, "none, linear or yarn", Printable(type));
  RopeScaling scaling{.kind = RopeScaling::Kind::kYarn, .factor = factor};
  scaling.original_max_position_embeddings = static_cast<int>(
      file.Int("llama.rope.scaling.original_context_length", 1, 1 << 26, config.max_position_embeddings));
  scaling.attention_factor = file.Number("llama.rope.scaling.attn_factor", 1e-3, 1e3, 1) * YarnAttentionFactor(factor);
  return scaling;
}

ModelConfig ReadConfig(const GgufFile& file) {
  const std::string type = file.String("general.type", "model"), architecture = file.String("general.architecture", "");
  if (type != "model") {
    Throw({.path = file.file()->path(),
           .item = "general.type",
           .expected = "model",
           .found = Printable(type),
           .remedy = "give the .gguf file of the model itself; an adapter has to be merged into its model first"});
  }
  if (architecture != "llama") RefuseKey(file, "general.architecture", "llama", Printable(architecture));
  if (file.Int("llama.expert_count", 0, 1 << 16, 0) != 0) RefuseKey(file, "llama.expert_count", "none", "experts");
  ModelConfig config;
  const auto size = [&](const char* key, int64_t most) { return static_cast<int>(file.Int(key, 1, most)); };
  config.hidden_size = size("llama.embedding_length", 1 << 17);
  config.num_hidden_layers = size("llama.block_count", 1024);
  config.num_attention_heads = size("llama.attention.head_count", 4096);
  config.num_key_value_heads =
      static_cast<int>(file.Int("llama.attention.head_count_kv", 1, 4096, config.num_attention_heads));
  config.intermediate_size = size("llama.feed_forward_length", 1 << 20);
  config.max_position_embeddings = size("llama.context_length", 1 << 26);
  config.head_dim = static_cast<int>(
      file.Int("llama.attention.key_length", 1, 4096, config.hidden_size / config.num_attention_heads));
  for (const char* key : {"llama.attention.value_length", "llama.rope.dimension_count"}) {
    file.Int(key, config.head_dim, config.head_dim, config.head_dim);
  }
  const auto tokens = static_cast<int64_t>(file.Strings("tokenizer.ggml.tokens").size());
  config.vocab_size = static_cast<int>(tokens > 0 ? file.Int("llama.vocab_size", 1, 1 << 24, tokens)
                                                  : file.Int("llama.vocab_size", 1, 1 << 24));
  config.rms_norm_eps = file.Number("llama.attention.layer_norm_rms_epsilon", 1e-30, 1, 1e-5);
  config.rope_theta = file.Number("llama.rope.freq_base", 1, 1e12, 10000);
  config.rope_scaling = ReadScalingKeys(file, config);
  CheckModelConfig(config, file.file()->path());
  return config;
}

// What llama3 scaling divides the frequency of dimension i by.
double Divisor(const ModelConfig& config, const RopeScaling& scaling, int i) {
  const double frequency = std::pow(config.rope_theta, -2.0 * i / config.head_dim);
  const double wavelength = 2 * std::numbers::pi / frequency;
  const double original = scaling.original_max_position_embeddings;
  if (wavelength < original / scaling.high_freq_factor) return 1;
  if (wavelength > original / scaling.low_freq_factor) return scaling.factor;
  const double t =
      (original / wavelength - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  return 1 / ((1 - t) / scaling.factor + t);
}

// rope_freqs holds those divisors; all Llamas since 3.1 use low 1, high 4 and 8192.
std::optional<RopeScaling> ReadRope(GgufReader* reader, const GgufFile& file, const ModelConfig& config) {
  constexpr char kName[] = "rope_freqs.weight";
  if (!reader->Has(kName)) return config.rope_scaling;
  const std::vector<float> divisors = reader->Vector(kName, config.head_dim / 2);
  const RopeScaling scaling{.factor = divisors.back()};
  for (size_t i = 0; i < divisors.size(); ++i) {
    const double expected = Divisor(config, scaling, static_cast<int>(i));
    if (std::abs(divisors[i] - expected) <= 1e-3 * expected) continue;
    RefuseKey(file, kName, "llama3's rope scaling (" + std::to_string(expected) + " at " + std::to_string(i) + ")",
              std::to_string(divisors[i]));
  }
  return scaling;
}

// The ends of a turn: by the keys, and by the names that models give them.
void SetTokens(const GgufFile& file, ModelConfig* config) {
  const int64_t last = config->vocab_size - 1;
  config->bos_token_id = static_cast<TokenId>(file.Int("tokenizer.ggml.bos_token_id", 0, last, kNoToken));
  std::vector<TokenId>& eos = config->eos_token_ids;
  const auto add = [&](int64_t id) {
    const bool known = std::find(eos.begin(), eos.end(), id) != eos.end();
    if (id >= 0 && id <= last && !known) eos.push_back(static_cast<TokenId>(id));
  };
  for (const char* key : {"eos", "eot", "eom"}) {
    add(file.Int("tokenizer.ggml." + std::string(key) + "_token_id", 0, last, kNoToken));
  }
  const auto tokens = file.Strings("tokenizer.ggml.tokens");
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (IsEndOfTurn(tokens[i])) add(static_cast<int64_t>(i));
  }
}

// One file, or all parts of a split model. The first has the metadata.
GgufFile OpenParts(const FileSet& files, const std::string& name) {
  const std::vector<std::string> names = GgufParts(name);
  for (const std::string& part : names) {
    if (files.Has(part)) continue;
    Throw({.path = files.PathOf(part),
           .expected = std::to_string(names.size()) + " parts of the model beside each other",
           .found = "this one missing",
           .remedy = "download it into the same folder"});
  }
  GgufFile file(files.Open(names.front()));
  const int64_t count = file.Int("split.count", 0, 1 << 16, 0);
  if (count > 1 && count != static_cast<int64_t>(names.size())) {
    Throw({.path = files.PathOf(names.front()),
           .item = "split.count",
           .expected = "a name like MODEL-00001-of-00003.gguf for each part",
           .found = std::to_string(count) + " parts, of which the name tells " + std::to_string(names.size()),
           .remedy = "give the parts the names back that they were downloaded with"});
  }
  for (size_t n = 1; n < names.size(); ++n) {
    const GgufFile part(files.Open(names[n]));
    const auto number = static_cast<int64_t>(n);
    part.Int("split.no", number, number);
    part.Int("split.count", count, count);
    file.Join(part);
  }
  const auto held = static_cast<int64_t>(file.tensors().size());
  if (count > 1) file.Int("split.tensors.count", held, held, held);
  return file;
}

}  // namespace

Checkpoint OpenGgufCheckpoint(const FileSet& files, const std::string& name) {
  const GgufFile file = OpenParts(files, name);
  Checkpoint checkpoint;
  checkpoint.name = GgufModelName(name);
  checkpoint.config = ReadConfig(file);
  ModelConfig& config = checkpoint.config;
  GgufReader reader(file, config);
  config.rope_scaling = ReadRope(&reader, file, config);
  SetTokens(file, &config);
  config.tie_word_embeddings = !reader.Has("output.weight");
  checkpoint.embed_tokens = reader.Weight("token_embd.weight", config.vocab_size, config.hidden_size);
  for (int n = 0; n < config.num_hidden_layers; ++n) checkpoint.layers.push_back(reader.Layer(n));
  checkpoint.norm = reader.Vector("output_norm.weight", config.hidden_size);
  if (!config.tie_word_embeddings)
    checkpoint.lm_head = reader.Weight("output.weight", config.vocab_size, config.hidden_size);
  reader.CheckNothingLeft();
  return checkpoint;
}

}  // namespace puna::engine
