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
#include "engine/engine.h"
#include "engine/tokenizer/tokenizer.h"
#include "server/generate/event_logs.h"
#include "server/generate/grammar_store.h"
#include "server/generate/response_store.h"
#include "server/host/energy.h"
#include "server/model/chat_format.h"

namespace puna::server {

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
  ResponseStore responses{};
  EventLogs event_logs{};
  int capacity = 0;                                  // sequences that the engine holds, running and waiting
  std::unique_ptr<GrammarStore> grammars = nullptr;  // made once the tokenizer stands here
  std::unique_ptr<engine::Engine> engine;            // the last to be made, the first to go
  std::atomic<bool> stopping{false};                 // refused requests are refused because the server ends
};

}  // namespace puna::server
