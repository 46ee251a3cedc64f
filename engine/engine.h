// Engine: owns the one thread that computes, and everything below it. The only door between HTTP threads and the model.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/energy_meter.h"
#include "engine/model/model.h"
#include "engine/request/request.h"
#include "engine/request/token_stream.h"
#include "engine/stats.h"

namespace puna::engine {

struct EngineOptions {
  int num_blocks = 0;                // KV blocks of kBlockSize positions
  int max_num_seqs = 16;             // sequences computed in one step
  int max_num_batched_tokens = 512;  // tokens computed in one step
  int max_waiting = 64;              // requests waiting beyond the running ones
  int max_model_len = 0;             // prompt + answer, tokens
  bool prefix_caching = true;
  // Steps that compute prompts beside running streams take at most so long; 0: throughput first; negative: 2.4 times a
  // step that only decodes, as measured.
  double itl_target_ms = -1;
  bool speculation = true;                              // prompt lookup
  std::shared_ptr<EnergyMeter> energy_meter = nullptr;  // null: energy is not counted
  // Told, on the engine's thread, of each step that failed: what was thrown, and the step's plan.
  std::function<void(const std::string&)> report_fault = nullptr;
};

// What a request is measured against before it is submitted.
struct EngineLimits {
  int max_model_len = 0;  // min of the option, the model's positions and what an empty cache holds
  int vocab_size = 0;
  int hidden_size = 0;  // of embeddings
};

class Engine {
 public:
  Engine(std::unique_ptr<Model> model, const EngineOptions& options);
  ~Engine();  // cancels what runs, joins

  // Takes the request, from any thread. None: max_num_seqs + max_waiting requests are in the engine, or it is draining.
  // The caller has checked: 1 <= prompt size, prompt + max_new_tokens <= limits().max_model_len, ids < vocab_size;
  // who pools generates nothing.
  std::optional<TokenReader> Submit(Request request);

  EngineLimits limits() const;
  EngineStats stats() const;  // from any thread
  const std::string& fingerprint() const;

  // Refuses new requests and waits until all have ended; after `timeout` the rest end with kShutdown. True: all ended
  // by themselves.
  bool Drain(std::chrono::milliseconds timeout);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace puna::engine
