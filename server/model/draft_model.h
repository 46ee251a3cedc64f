// The small model that guesses ahead (--draft-model): what its files say, whether it fits beside the model, and its load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "config/engine_config.h"
#include "engine/engine.h"
#include "engine/model/llama.h"
#include "engine/tokenizer/tokenizer.h"

namespace puna::server {

// Whether --draft-model names one, or says nothing about the demo model, which has one of its own.
bool HasDraft(const config::EngineConfig& config);

// What is known before its weights are read.
struct DraftPlan {
  std::string name, format;
  size_t weight_bytes = 0, kv_bytes_per_block = 0;
  int64_t window_bytes = 0;  // of its cache beside what it keeps for each of the model's blocks
  engine::TokenId pard_token = engine::kNoToken;
  bool is_pard() const { return pard_token != engine::kNoToken; }
};
// Throws std::runtime_error as PlanModel does, and for a pard_token that is none.
std::optional<DraftPlan> PlanDraft(const config::EngineConfig& config);

// How a draft's vocabulary compares with the model's. Guesses are ids, so the same id must be the same text in both.
struct VocabularyMatch {
  std::string refusal;  // the first difference, and what to do; "": they fit
  std::string warning;  // "": nothing to say
};
// The draft's tokenizer; null: there is none beside it. Sizes: rows of the embedding tables.
VocabularyMatch CompareVocabularies(const engine::Tokenizer& model, int model_size, const engine::Tokenizer* draft,
                                    int draft_size);

// The same model as if it had been trained to guess in one pass: for benchmarks.
engine::DraftOptions AsPard(engine::DraftOptions draft);

// For the log: what was loaded.
std::string Describe(const engine::DraftOptions& draft);

// Loads it for a model of that vocabulary. Nothing without one. Throws std::runtime_error when it cannot be used.
engine::DraftOptions LoadDraft(const config::EngineConfig& config, const engine::Tokenizer& tokenizer, int vocab_size,
                               const engine::LoadProgress& progress);

}  // namespace puna::server
