#include "engine/model/weights_digest.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace puna::engine {
namespace {

constexpr int64_t kLine = 64;   // bytes
constexpr int64_t kLines = 32;  // of each matrix

class Digest {
 public:
  void Add(const void* data, int64_t bytes) {  // FNV-1a, a word at a time
    const auto* p = static_cast<const unsigned char*>(data);
    for (int64_t i = 0; i < bytes; i += 8) {
      uint64_t word = 0;
      std::memcpy(&word, p + i, std::min<int64_t>(8, bytes - i));
      state_ = (state_ ^ word) * 0x100000001b3;
      state_ ^= state_ >> 29;
    }
  }
  void Add(double number) { Add(&number, sizeof number); }
  void Add(const std::vector<float>& v) { Add(v.data(), static_cast<int64_t>(v.size() * sizeof(float))); }
  void Add(const Linear& linear) {
    for (const PackedWeight& w : linear.weights()) Add(w);
  }
  void Add(const PackedWeight& w) {
    Add(static_cast<double>(w.outputs));
    Add(static_cast<double>(w.inputs));
    const int64_t bytes = w.panels * w.panel_bytes;
    const int64_t lines = std::min(kLines, bytes / kLine);
    for (int64_t i = 0; i < lines; ++i) Add(w.panel(0) + bytes / kLine * i / lines * kLine, kLine);
  }
  uint64_t state() const { return state_; }

 private:
  uint64_t state_ = 0xcbf29ce484222325;
};

class WholeDigest {
 public:
  explicit WholeDigest(const std::atomic<bool>& stop) : stop_(stop) {}

  void Add(double number) { AddArray(&number, 1); }
  void Add(const std::vector<float>& v) { AddArray(v.data(), v.size()); }
  void Add(const Linear& linear) {
    for (const PackedWeight& w : linear.weights()) {
      Add(static_cast<double>(w.outputs));
      Add(static_cast<double>(w.inputs));
      AddArray(w.data.data(), w.data.size());
      AddArray(w.scales.data(), w.scales.size());
      AddArray(w.order.data(), w.order.size());
    }
  }
  ContentHash Result() const { return hasher_.Result(); }

 private:
  // By pieces, so that a model that still lies on a disk does not hold up an end.
  template <typename T>
  void AddArray(const T* data, size_t size) {
    constexpr size_t kPiece = size_t{1} << 20;
    std::span bytes(reinterpret_cast<const uint8_t*>(data), size * sizeof(T));
    while (!bytes.empty() && !stop_) {
      const auto piece = bytes.first(std::min(kPiece, bytes.size()));
      hasher_.Add(piece);
      bytes = bytes.subspan(piece.size());
    }
  }

  const std::atomic<bool>& stop_;
  ContentHasher hasher_;
};

// Calls digest.Add for everything that a model is made of.
template <typename AnyDigest>
void AddModel(const ModelConfig& config, const LlamaWeights& weights, AnyDigest& digest) {
  for (const double number : {double(config.num_attention_heads), double(config.num_key_value_heads),
                              double(config.head_dim), config.rms_norm_eps, config.rope_theta}) {
    digest.Add(number);
  }
  if (config.rope_scaling) {
    const RopeScaling& s = *config.rope_scaling;
    for (const double number : {double(s.kind), s.beta_fast, s.beta_slow, s.attention_factor, s.factor,
                                s.low_freq_factor, s.high_freq_factor, double(s.original_max_position_embeddings)}) {
      digest.Add(number);
    }
  }
  digest.Add(weights.embed_tokens);
  digest.Add(weights.head());
  digest.Add(weights.norm);
  for (const LlamaLayer& layer : weights.layers) {
    digest.Add(layer.input_layernorm);
    digest.Add(layer.post_attention_layernorm);
    for (const Linear* linear : layer.linears()) digest.Add(*linear);
    for (const auto* lora : {&layer.qkv_lora, &layer.o_lora, &layer.gate_up_lora, &layer.down_lora}) {
      if (!*lora) continue;
      digest.Add((*lora)->down);
      digest.Add((*lora)->up);
    }
  }
}

}  // namespace

uint64_t DigestWeights(const ModelConfig& config, const LlamaWeights& weights) {
  Digest digest;
  AddModel(config, weights, digest);
  return digest.state();
}

ContentHash HashWeights(const ModelConfig& config, const LlamaWeights& weights, const std::atomic<bool>& stop) {
  WholeDigest digest(stop);
  AddModel(config, weights, digest);
  return digest.Result();
}

}  // namespace puna::engine
