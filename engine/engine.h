// Engine: owns the one thread that computes, and everything below it. The only door between HTTP threads and the model.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/energy_meter.h"
#include "engine/engine_view.h"
#include "engine/kv_cache/block_table.h"
#include "engine/kv_cache/kv_tier.h"
#include "engine/kv_disk/disk_folder.h"
#include "engine/model/model.h"
#include "engine/request/request.h"
#include "engine/request/token_stream.h"
#include "engine/scheduler/drafter.h"
#include "engine/stats.h"

namespace puna::engine {

// A cache of KV blocks on disk, below the one in memory.
struct KvDiskOptions {
  std::shared_ptr<DiskFolder> folder = nullptr;  // null: none
  int64_t limit_bytes = 0;
  TierPolicy policy = {};
  std::function<void(const std::string&)> report = nullptr;  // told, on any thread, what failed
  std::string label = {};                                    // what people call the model, noted in the folder
};

// A small model that guesses ahead.
struct DraftOptions {
  std::shared_ptr<Model> model = nullptr;  // null: none
  TokenId pard_token = kNoToken;           // the mask of a PARD model; kNoToken: a plain one
  int window = 256;  // ids that it reads of a text of which it lacks more than that; 0: all of it, however long
  int max_ids = 8;   // guessed at once
  int max_batched_tokens = 512;  // of its own passes
};
inline constexpr int kDraftWindows = 4;  // sequences that it can read so at once
// Blocks of its own that each of them takes; all other blocks are as many as the model's.
inline int DraftWindowBlocks(int window) { return window == 0 ? 0 : BlockTable::BlocksFor(2 * window + 64); }

// What the engine keeps in memory to remember so many tokens of finished answers.
int64_t RememberedBytes(int64_t remembered_tokens);

struct EngineOptions {
  int num_blocks = 0;                // KV blocks of kBlockSize positions
  int max_num_seqs = 16;             // sequences computed in one step
  int max_num_batched_tokens = 512;  // tokens computed in one step
  int max_waiting = 64;              // requests waiting beyond the running ones; see Inbox for what one tenant may take
  int max_model_len = 0;             // prompt + answer, tokens
  bool prefix_caching = true;
  // Steps that compute prompts beside running streams take at most so long; 0: throughput first; negative: 2.4 times a
  // step that only decodes, as measured.
  double itl_target_ms = -1;
  bool speculation = true;        // guesses: looked up, forced by a grammar, or of a draft model
  bool measured_guesses = true;   // as far as they pay by measured times; false: all of them
  int64_t remembered_tokens = 0;  // of finished answers, to look up in; each tenant sees its own
  bool share_answers = false;     // all tenants see all
  DraftOptions draft = {};
  // For benchmarks: what stands between the scheduler and the draft model.
  std::function<std::unique_ptr<Drafter>(std::unique_ptr<Drafter>)> wrap_drafter = nullptr;
  KvDiskOptions kv_disk = {};
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

  // Takes the request, from any thread. None: max_num_seqs + max_waiting requests are in the engine, or it is draining. Where
  // its tenant has fewer of these than an equal part, up to a quarter more are taken.
  // The caller has checked: 1 <= prompt size, prompt + max_new_tokens <= limits().max_model_len, ids < vocab_size;
  // who pools generates nothing.
  std::optional<TokenReader> Submit(Request request);

  EngineLimits limits() const;
  EngineStats stats() const;  // from any thread
  // Of tokens that wait for their readers; from any thread.
  size_t waiting_event_bytes() const;
  const std::string& fingerprint() const;

  // While what this returns lives, the engine makes pictures of itself, five a second at most; without, it spends nothing on
  // them. It must not outlive the engine.
  std::shared_ptr<void> Watch() const;
  EngineView view() const;  // the last picture, from any thread

  // Refuses new requests and waits until all have ended; after `timeout` the rest end with kShutdown. True: all ended
  // by themselves. What is worth keeping on disk is written within that time.
  bool Drain(std::chrono::milliseconds timeout);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace puna::engine
