#include "engine/checkpoint/random_checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>

#include "engine/base/check.h"
#include "engine/checkpoint/files/checkpoint_fault.h"

namespace puna::engine {
namespace {

// The output function of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
inline uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;

class RandomSource : public WeightSource {
 public:
  RandomSource(std::string name, int64_t rows, int64_t cols, uint64_t seed)
      : name_(std::move(name)),
        rows_(rows),
        cols_(cols),
        seed_(seed),
        // int16 is uniform in [-2^15, 2^15): standard deviation 2^15 / sqrt(3).
        step_(static_cast<float>(std::sqrt(3.0 / static_cast<double>(cols)) / 32768.0)) {
    for (const char c : name_) seed_ = Mix(seed_ + kGolden + static_cast<unsigned char>(c));
  }

  std::string name() const override { return name_; }
  int64_t rows() const override { return rows_; }
  int64_t cols() const override { return cols_; }
  Encoding encoding() const override { return Encoding::kBf16; }

  void ReadBf16(int64_t first, int64_t count, bf16* out) const override {
    PUNA_CHECK(first >= 0 && count >= 0 && first + count <= rows_) << name_;
    Generate(first, count, [out](int64_t i, uint16_t bits) { out[i].bits = bits; });
  }
  void ReadFloat(int64_t first, int64_t count, float* out) const override {
    PUNA_CHECK(first >= 0 && count >= 0 && first + count <= rows_) << name_;
    Generate(first, count, [out](int64_t i, uint16_t bits) { out[i] = ToFloat(bf16{bits}); });
  }

 private:
  // Word w of row r is Mix(seed + (r * words + w + 1) * kGolden) and gives four values, so that any row can be made
  // alone. Blocks of words let the compiler turn the rest into vector instructions.
  template <typename Store>
  void Generate(int64_t first, int64_t count, Store store) const {
    constexpr int64_t kWords = 64;
    const int64_t words_per_row = (cols_ + 3) / 4;
    for (int64_t r = 0; r < count; ++r) {
      uint64_t state = seed_ + static_cast<uint64_t>((first + r) * words_per_row) * kGolden;
      for (int64_t c = 0; c < cols_; c += 4 * kWords) {
        uint64_t words[kWords];
        for (uint64_t& word : words) word = Mix(state += kGolden);
        int16_t uniform[4 * kWords];
        std::memcpy(uniform, words, sizeof(words));
        const int64_t n = std::min<int64_t>(4 * kWords, cols_ - c);
        for (int64_t i = 0; i < n; ++i) store(r * cols_ + c + i, Bf16Bits(static_cast<float>(uniform[i]) * step_));
      }
    }
  }
  // ToBf16 without its case for NaN.
  static uint16_t Bf16Bits(float x) {
    const auto u = std::bit_cast<uint32_t>(x);
    return static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }

  std::string name_;
  int64_t rows_;
  int64_t cols_;
  uint64_t seed_;
  float step_;
};

struct Shape {
  const char* name;
  int hidden, layers, heads, kv_heads, head_dim, ffn, vocab;
  bool tied;
  double rope_factor;
};
constexpr Shape kShapes[] = {
    {"llama-3.2-1b", 2048, 16, 32, 8, 64, 8192, 128256, true, 32},
    {"llama-3.2-3b", 3072, 28, 24, 8, 128, 8192, 128256, true, 32},
    {"llama-3.1-8b", 4096, 32, 32, 8, 128, 14336, 128256, false, 8},
    {"llama-3.3-70b", 8192, 80, 64, 8, 128, 28672, 128256, false, 8},
    {"tiny", 256, 2, 4, 2, 64, 512, 8192, true, 32},
};

ModelConfig ConfigOf(const Shape& shape) {
  ModelConfig config;
  config.hidden_size = shape.hidden;
  config.num_hidden_layers = shape.layers;
  config.num_attention_heads = shape.heads;
  config.num_key_value_heads = shape.kv_heads;
  config.head_dim = shape.head_dim;
  config.intermediate_size = shape.ffn;
  config.vocab_size = shape.vocab;
  config.max_position_embeddings = 131072;
  config.rope_theta = 500000;
  config.rope_scaling = RopeScaling{.factor = shape.rope_factor};
  config.tie_word_embeddings = shape.tied;
  return config;
}

Checkpoint Build(const Shape& shape, uint64_t seed) {
  Checkpoint checkpoint;
  checkpoint.config = ConfigOf(shape);
  const int64_t q = static_cast<int64_t>(shape.heads) * shape.head_dim;
  const int64_t kv = static_cast<int64_t>(shape.kv_heads) * shape.head_dim;
  const auto source = [&](const std::string& name, int64_t rows, int64_t cols) {
    return std::make_unique<RandomSource>(name, rows, cols, seed);
  };
  checkpoint.embed_tokens = source("model.embed_tokens.weight", shape.vocab, shape.hidden);
  if (!shape.tied) checkpoint.lm_head = source("lm_head.weight", shape.vocab, shape.hidden);
  const std::vector<float> ones(static_cast<size_t>(shape.hidden), 1.0f);
  checkpoint.norm = ones;
  for (int n = 0; n < shape.layers; ++n) {
    const std::string prefix = "model.layers." + std::to_string(n) + ".";
    const auto linear = [&](const char* name, int64_t rows, int64_t cols) {
      return LinearSource{source(prefix + name + ".weight", rows, cols), nullptr};
    };
    LayerSource layer;
    layer.input_layernorm = layer.post_attention_layernorm = ones;
    layer.q_proj = linear("self_attn.q_proj", q, shape.hidden);
    layer.k_proj = linear("self_attn.k_proj", kv, shape.hidden);
    layer.v_proj = linear("self_attn.v_proj", kv, shape.hidden);
    layer.o_proj = linear("self_attn.o_proj", shape.hidden, q);
    layer.gate_proj = linear("mlp.gate_proj", shape.ffn, shape.hidden);
    layer.up_proj = linear("mlp.up_proj", shape.ffn, shape.hidden);
    layer.down_proj = linear("mlp.down_proj", shape.hidden, shape.ffn);
    checkpoint.layers.push_back(std::move(layer));
  }
  return checkpoint;
}

}  // namespace

Checkpoint OpenRandomCheckpoint(const std::string& spec) {
  const size_t colon = spec.find(':');
  const std::string name = spec.substr(0, colon);
  uint64_t seed = 0;
  if (colon != std::string::npos) {
    const char* end = spec.data() + spec.size();
    const auto [stop, error] = std::from_chars(spec.data() + colon + 1, end, seed);
    if (error != std::errc() || stop != end) {
      Throw({.path = "random:" + Printable(spec),
             .item = "seed",
             .expected = "a number from 0 to 2^64 - 1",
             .found = Printable(spec.substr(colon + 1)),
             .remedy = "write e.g. random:llama-3.2-3b:7"});
    }
  }
  std::string names;
  for (const Shape& shape : kShapes) {
    if (name == shape.name) {
      Checkpoint checkpoint = Build(shape, seed);
      checkpoint.name = "random:" + spec;
      return checkpoint;
    }
    names += (names.empty() ? "" : ", ") + std::string(shape.name);
  }
  Throw({.path = "random:" + Printable(spec),
         .expected = "one of " + names,
         .found = Printable(name),
         .remedy = "write e.g. random:llama-3.2-3b"});
}

}  // namespace puna::engine
