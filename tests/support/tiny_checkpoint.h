// Writes small checkpoints for tests: safetensors, config.json, and a whole random Llama.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/bf16.h"

namespace puna::testing {

struct TinyTensor {
  std::string name;
  std::string dtype;  // as in safetensors
  std::vector<int64_t> shape;
  std::string bytes;
};

template <typename T>
std::string BytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

inline std::string Bf16Bytes(const std::vector<float>& values) {
  std::vector<engine::bf16> out;
  for (const float x : values) out.push_back(engine::ToBf16(x));
  return BytesOf(out);
}

inline std::string LittleEndian(uint64_t value, int width) {
  std::string out;
  for (int i = 0; i < width; ++i, value >>= 8) out += static_cast<char>(value);
  return out;
}

// A file with this header and data as they are, however wrong.
inline std::string RawSafetensors(const std::string& header, const std::string& data) {
  return LittleEndian(header.size(), 8) + header + data;
}

inline std::string SafetensorsBytes(const std::vector<TinyTensor>& tensors) {
  std::string header = "{\"__metadata__\":{\"format\":\"pt\"}", data;
  for (const TinyTensor& tensor : tensors) {
    std::string shape;
    for (const int64_t n : tensor.shape) shape += (shape.empty() ? "" : ",") + std::to_string(n);
    const size_t begin = data.size();
    data += tensor.bytes;
    header += ",\"" + tensor.name + "\":{\"dtype\":\"" + tensor.dtype + "\",\"shape\":[" + shape +
              "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(data.size()) + "]}";
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return RawSafetensors(header, data);
}

struct TinyModel {
  int hidden = 32, layers = 2, heads = 2, kv_heads = 1, head_dim = 16, ffn = 64, vocab = 300;
  bool tied = true;
  std::string dtype = "BF16";  // BF16, F16 (weights 0 and +-1 only) or F32
};

inline std::string TinyConfigJson(const TinyModel& m, const std::string& more = "") {
  const auto field = [](const char* key, int value) {
    return std::string(",\"") + key + "\":" + std::to_string(value);
  };
  return "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"hidden_act\":\"silu\"" +
         field("hidden_size", m.hidden) + field("num_hidden_layers", m.layers) + field("num_attention_heads", m.heads) +
         field("num_key_value_heads", m.kv_heads) + field("head_dim", m.head_dim) + field("intermediate_size", m.ffn) +
         field("vocab_size", m.vocab) +
         ",\"max_position_embeddings\":2048,\"rms_norm_eps\":1e-05,\"rope_theta\":10000.0,\"eos_token_id\":2" +
         ",\"tie_word_embeddings\":" + (m.tied ? "true" : "false") + more + "}";
}

inline TinyTensor RandomTensor(const TinyModel& m, const std::string& name, std::vector<int64_t> shape,
                               std::mt19937* rng) {
  size_t count = 1;
  for (const int64_t n : shape) count *= static_cast<size_t>(n);
  std::vector<float> values(count);
  std::uniform_int_distribution<int> pick(-1, 1);
  std::normal_distribution<float> normal(0, 0.2f);
  if (m.dtype == "F16") {
    std::vector<uint16_t> halves;
    for (size_t i = 0; i < count; ++i)
      halves.push_back(std::array<uint16_t, 3>{0xbc00, 0, 0x3c00}[static_cast<size_t>(pick(*rng) + 1)]);
    return {name, m.dtype, std::move(shape), BytesOf(halves)};
  }
  for (float& x : values) x = normal(*rng);
  return {name, m.dtype, std::move(shape), m.dtype == "F32" ? BytesOf(values) : Bf16Bytes(values)};
}

// All tensors of the model, with Hugging Face's names.
inline std::vector<TinyTensor> TinyTensors(const TinyModel& m, unsigned seed = 1) {
  std::mt19937 rng(seed);
  std::vector<TinyTensor> tensors;
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    tensors.push_back(RandomTensor(m, name + ".weight", std::move(shape), &rng));
  };
  add("model.embed_tokens", {m.vocab, m.hidden});
  for (int n = 0; n < m.layers; ++n) {
    const std::string layer = "model.layers." + std::to_string(n) + ".";
    add(layer + "input_layernorm", {m.hidden});
    add(layer + "self_attn.q_proj", {m.heads * m.head_dim, m.hidden});
    add(layer + "self_attn.k_proj", {m.kv_heads * m.head_dim, m.hidden});
    add(layer + "self_attn.v_proj", {m.kv_heads * m.head_dim, m.hidden});
    add(layer + "self_attn.o_proj", {m.hidden, m.heads * m.head_dim});
    add(layer + "post_attention_layernorm", {m.hidden});
    add(layer + "mlp.gate_proj", {m.ffn, m.hidden});
    add(layer + "mlp.up_proj", {m.ffn, m.hidden});
    add(layer + "mlp.down_proj", {m.hidden, m.ffn});
  }
  add("model.norm", {m.hidden});
  if (!m.tied) add("lm_head", {m.vocab, m.hidden});
  return tensors;
}

using TinyFiles = std::map<std::string, std::string>;

inline TinyFiles TinyCheckpointFiles(const TinyModel& m = {}) {
  return {{"config.json", TinyConfigJson(m)}, {"model.safetensors", SafetensorsBytes(TinyTensors(m))}};
}

inline std::span<const std::byte> AsBytes(const std::string& text) { return std::as_bytes(std::span(text)); }

// Views for OpenCheckpointFromMemory; `files` must outlive them.
inline std::map<std::string, std::span<const std::byte>> AsSpans(const TinyFiles& files) {
  std::map<std::string, std::span<const std::byte>> spans;
  for (const auto& [name, bytes] : files) spans[name] = AsBytes(bytes);
  return spans;
}

}  // namespace puna::testing
