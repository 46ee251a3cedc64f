// What all answers are made of. Every function that gives text gives one line of valid JSON, whatever bytes go in.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/fields/cache_report.h"

namespace puna::api {

// This server's own: what an answer cost.
struct EnergyUsage {
  double joules = 0;
  double grams_co2e = 0;
  std::string source;  // measured or estimated
};

// This server's own: tokens that were guessed ahead, and how many of them came true.
struct GuessUsage {
  std::string source;
  int proposed = 0;
  int accepted = 0;
};

struct Usage {
  int prompt_tokens = 0;
  int cached_tokens = 0;  // of the prompt
  int completion_tokens = 0;
  int accepted_prediction_tokens = 0;
  int rejected_prediction_tokens = 0;
  int cache_write_tokens = 0;                               // of the prompt, kept for the next one
  std::optional<EnergyUsage> energy = {};                   // when it was asked for
  std::optional<CacheReport> cache_report = {};             // the same
  std::optional<std::vector<GuessUsage>> speculation = {};  // likewise; each source
};

// The same in every chunk of one answer.
struct ResponseHead {
  std::string id;       // chatcmpl-..., cmpl-...
  int64_t created = 0;  // seconds since 1970
  std::string model;
  std::string system_fingerprint;  // empty: left out
  std::string service_tier;        // empty: left out
};

// A token as log-probabilities name it.
struct TokenLogprob {
  int id = -1;
  std::string bytes;  // of this token alone; may be part of a character
  double logprob = 0;
};
struct PositionLogprobs {
  TokenLogprob token;
  bool has_logprob = true;        // false: the first token of a prompt
  std::vector<TokenLogprob> top;  // most likely first
  // Characters of the choice's text before it: text_offset of completions. Less than 0: counted from the one before, as
  // if every token showed all its bytes.
  int text_offset = -1;
};

// How a token is written: its text; where it is no whole characters, OpenAI's escapes (\xe2\x82); or token_id:N.
std::string TokenName(const TokenLogprob& token, bool as_id);

// The bytes as numbers; null for an id that has no text.
nlohmann::ordered_json BytesJson(const std::string& bytes);
nlohmann::ordered_json SpeculationJson(const std::vector<GuessUsage>& sources);
nlohmann::ordered_json UsageJson(const Usage& usage);
nlohmann::ordered_json HeadJson(const ResponseHead& head, const char* object);
// A finite number; -9999 for minus infinity, as OpenAI has it.
nlohmann::ordered_json LogprobJson(double logprob);
std::string Dump(const nlohmann::ordered_json& json);

}  // namespace puna::api
