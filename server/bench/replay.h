// puna replay: requests with what came of them to the bit, written on one machine and computed again on another one.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/engine_config.h"
#include "config/option.h"
#include "engine/engine.h"

namespace puna::server {

// A request in ids, and its answer: each token with its log-probability and those of the two likeliest ones.
struct RecordedRequest {
  std::vector<engine::TokenId> prompt;
  engine::SamplingParams sampling;
  int new_tokens = 0;
  std::vector<engine::TokenId> ids;
  std::vector<std::vector<float>> logprobs;  // of each token: its own, then the two likeliest
};

struct RecordedRun {
  std::string model, weights, kv_cache_dtype, fingerprint;  // fingerprint: of the model, by which the same one is known
  std::string isa, processor;                               // that computed it, for the reader
  std::vector<RecordedRequest> requests;
};

// Lines of JSON: what computed it, then a request a line. Numbers are written so that they are read back to the bit.
std::string ToText(const RecordedRun& run);
// Throws std::runtime_error that names the line.
RecordedRun ParseRun(std::string_view text);

// Requests of random ids: greedy ones, drawn ones, some with penalties, some that begin like the one before.
std::vector<RecordedRequest> MakeRequests(int count, int new_tokens, int vocab_size, unsigned seed);

// Computes all of them, sixteen at a time, and writes their answers over the ones that they had. Throws std::runtime_error when the
// engine takes or finishes one of them not.
void Answer(engine::Engine& engine, std::vector<RecordedRequest>& requests);

// Where two answers to the same request are not equal to the bit; "": nowhere.
std::string FirstDifference(const RecordedRequest& recorded, const RecordedRequest& now);

struct ReplayOptions {
  std::string file;
  config::EngineConfig engine;
  bool record = false;
  int requests = 16, new_tokens = 32;  // of a run to record
};

extern const char kReplayText[];  // for --help
const config::OptionTable<ReplayOptions>& ReplayTable();

// Without the word "replay". Records or compares, prints what was found, and returns the exit status: 1 when a bit differs. Throws
// ConfigError and std::runtime_error.
int RunReplay(std::span<const std::string> arguments);

}  // namespace puna::server
