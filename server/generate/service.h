// What the handlers share: the one model that is served, and how.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/server_config.h"
#include "engine/checkpoint/config/generation_config.h"
#include "engine/checkpoint/config/model_config.h"
#include "engine/engine.h"
#include "engine/tokenizer/tokenizer.h"
#include "server/generate/background.h"
#include "server/generate/grammar_store.h"
#include "server/host/energy.h"
#include "server/model/chat_format.h"
#include "server/store/response_store.h"
#include "server/store/running_responses.h"
#include "server/store/seal.h"

namespace puna::server {

// What lists of models say of the one that is served.
struct ModelFacts {
  engine::ModelConfig shape = {};
  size_t weight_bytes = 0;
  std::string format = {};  // how weights are kept: bf16, w8a8, w4a8, or forms by size
};

struct Service {
  const config::ServerConfig& config;
  std::string model_name;              // as clients know it
  std::vector<std::string> aliases{};  // other names that they may use
  int64_t created = 0;                 // seconds since 1970, of the start
  engine::Tokenizer tokenizer;
  std::optional<ChatFormat> chat;        // none: the model has no chat template
  engine::GenerationConfig generation;   // defaults of the checkpoint
  std::vector<engine::TokenId> end_ids;  // of the model
  EnergyTerms energy{};
  ModelFacts facts{};
  RunningResponses running{};
  std::unique_ptr<ResponseStore> responses = std::make_unique<ResponseStore>();
  std::unique_ptr<const Seal> seal = std::make_unique<const Seal>();  // of what clients keep for us
  int capacity = 0;  // sequences that the engine holds, running and waiting
  int slots = 0;     // of them, those that run side by side
  bool caches_prefixes = true;
  std::unique_ptr<GrammarStore> grammars = nullptr;  // made once the tokenizer stands here
  std::unique_ptr<engine::Engine> engine;            // the last of these to be made, the first to go
  Background background{};                           // goes before the engine that it reads from
  std::atomic<bool> stopping{false};                 // refused requests are refused because the server ends
  std::atomic<bool> for_one_user{false};             // nobody but who sits at this machine has ever been let in
};

}  // namespace puna::server
