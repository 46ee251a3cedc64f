// The fields of a body that say how tokens are drawn and when to end; chat completions and
// completions share them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace puna::api {

class ObjectReader;

// This server's own: `speculation`, what may be guessed ahead. It changes how fast an answer comes, never the answer.
struct SpeculationFields {
  bool asked = false;                // usage.speculation is wanted
  std::vector<std::string> sources;  // of kGuessSources; all of them where the client named none
  std::optional<int> max;            // guessed at once; 0: nothing
};

// What the client left out stays empty: the checkpoint's generation_config.json and OpenAI's
// defaults are the caller's.
struct SamplingFields {
  std::optional<double> temperature;         // [0, 2]
  std::optional<double> top_p;               // (0, 1]; a 0 on the wire becomes 1e-6
  std::optional<int> top_k;                  // -1, 0: off
  std::optional<double> min_p;               // [0, 1]
  std::optional<double> repetition_penalty;  // (0, 10]
  double frequency_penalty = 0;              // [-2, 2]
  double presence_penalty = 0;               // [-2, 2]
  std::vector<std::pair<int, double>>
      logit_bias;  // token id to [-100, 100]; whether ids exist is the caller's to check
  std::optional<int64_t> seed;
  std::string cache_salt;             // empty: none
  int priority = 0;                   // lower ones come first, among the requests of one client
  bool include_energy = false;        // usage.energy is wanted
  bool include_cache_report = false;  // usage.cache_report is
  SpeculationFields speculation;
  std::optional<int> max_tokens;                // none: as many as there is room for
  std::string max_tokens_param = "max_tokens";  // what the client calls it
  int min_tokens = 0;
  bool ignore_eos = false;
  std::vector<int> stop_token_ids;
  std::vector<std::string> stop;  // up to 16; empty ones are left out
  bool include_stop_str_in_output = false;
  bool skip_special_tokens = true;
};

// The names of what guesses come from.
inline constexpr const char* kGuessSources[] = {"prediction", "grammar", "lookup", "remembered", "draft"};

// Throws ApiError. `min_max_tokens`: the least that may be asked for, 0 where only the prompt may
// be wanted.
SamplingFields ReadSampling(ObjectReader& body, int min_max_tokens);

// The part that /v1/responses has too: temperature, top_p, top_k, min_p, penalties, seed.
SamplingFields ReadSamplingCore(ObjectReader& body);

// How many tokens an answer has at most; `name` is the field. -1 is none, as local clients send it.
std::optional<int> ReadTokenBound(ObjectReader& body, std::string_view name, int min);

// `stream` and `stream_options`.
struct StreamFields {
  bool stream = false;
  bool include_usage = false;
};
class Warnings;
StreamFields ReadStream(ObjectReader& body, Warnings& warnings);

// `service_tier`: empty when not asked for, else the tier that is given.
std::string ReadServiceTier(ObjectReader& body, Warnings& warnings);

}  // namespace puna::api
