// The packed weights of a Llama, as LlamaModel multiplies them.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/layers/linear.h"
#include "engine/model/llama.h"
#include "engine/model/lora.h"

namespace puna::engine {

struct LlamaLayer {
  std::vector<float> input_layernorm;                               // [hidden]
  std::vector<float> post_attention_layernorm;                      // [hidden]
  Linear qkv_proj;                                                  // [(heads + 2 kv heads) * head_dim, hidden]
  Linear o_proj;                                                    // [hidden, heads * head_dim]
  Linear gate_up_proj;                                              // interleaved by 32 (LinearOutput::kSiluMul)
  Linear down_proj;                                                 // [hidden, intermediate]
  std::unique_ptr<Lora> qkv_lora, o_lora, gate_up_lora, down_lora;  // null: none

  std::array<const Linear*, 4> linears() const { return {&qkv_proj, &o_proj, &gate_up_proj, &down_proj}; }
};

struct LlamaWeights {
  Linear embed_tokens;              // read by rows; also the head when tied
  std::unique_ptr<Linear> lm_head;  // null: tied
  std::vector<LlamaLayer> layers;
  std::vector<float> norm;  // [hidden]
  size_t mapped_bytes = 0;  // of bytes(), those that lie in a mapped file

  const Linear& head() const { return lm_head ? *lm_head : embed_tokens; }
  bool has_lora() const;
  size_t bytes() const;
  FormatSet layer_formats() const;
  int max_orders() const;  // of the columns of matrices that share an input, at least 1
  // The layers' forms, most bytes first: "w8a8", "int4/32 k min + int6/16 k"; and embedding's and head's.
  std::string LayerForms() const;
  std::string HeadForms() const;
};

// Forms by their bytes, the most first: "int4/32 k min + int6/16 k".
std::string FormsBySize(const std::vector<std::pair<WeightForm, size_t>>& weights);

// One layer's weights in this format.
LlamaLayer PackLayer(const LayerSource& source, WeightFormat format, Isa isa, ThreadTeam& team);

// Reads every weight, on options.threads threads.
LlamaWeights PackLlama(const Checkpoint& checkpoint, const LlamaOptions& options, const LoadProgress& progress);

}  // namespace puna::engine
