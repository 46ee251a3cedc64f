#include "api/fields/response_parts.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/text/utf8.h"

namespace puna::api {

using Json = nlohmann::ordered_json;

std::string TokenName(const TokenLogprob& token, bool as_id) {
  if (as_id) return "token_id:" + std::to_string(token.id);
  bool ascii = true;
  for (const char c : token.bytes) ascii = ascii && static_cast<unsigned char>(c) < 0x80;
  if (ascii || text::IsUtf8(token.bytes)) return token.bytes;
  std::string name;
  for (const char c : token.bytes) {
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    name += escaped;
  }
  return name;
}

Json BytesJson(const std::string& bytes) {
  if (bytes.empty()) return {};
  Json numbers = Json::array();
  for (const char c : bytes) numbers.push_back(static_cast<unsigned char>(c));
  return numbers;
}

Json EnergyJson(const EnergyUsage& energy) {
  return {{"joules", energy.joules}, {"gco2e", energy.grams_co2e}, {"source", energy.source}};
}

Json SpeculationJson(const std::vector<GuessUsage>& sources) {
  Json json = {{"proposed_tokens", 0}, {"accepted_tokens", 0}, {"by_source", Json::object()}};
  int proposed = 0, accepted = 0;
  for (const GuessUsage& guesses : sources) {
    proposed += guesses.proposed;
    accepted += guesses.accepted;
    json["by_source"][guesses.source] = {{"proposed_tokens", guesses.proposed}, {"accepted_tokens", guesses.accepted}};
  }
  json["proposed_tokens"] = proposed;
  json["accepted_tokens"] = accepted;
  return json;
}

Json UsageJson(const Usage& usage) {
  Json json;
  json["prompt_tokens"] = usage.prompt_tokens;
  json["completion_tokens"] = usage.completion_tokens;
  json["total_tokens"] = usage.prompt_tokens + usage.completion_tokens;
  Json& prompt = json["prompt_tokens_details"];
  prompt["cached_tokens"] = usage.cached_tokens;
  prompt["audio_tokens"] = 0;
  Json& completion = json["completion_tokens_details"];
  completion["reasoning_tokens"] = 0;
  completion["audio_tokens"] = 0;
  completion["accepted_prediction_tokens"] = usage.accepted_prediction_tokens;
  completion["rejected_prediction_tokens"] = usage.rejected_prediction_tokens;
  if (usage.energy) json["energy"] = EnergyJson(*usage.energy);
  if (usage.cache_report) json["cache_report"] = CacheReportJson(*usage.cache_report);
  if (usage.speculation) json["speculation"] = SpeculationJson(*usage.speculation);
  return json;
}

Json HeadJson(const ResponseHead& head, const char* object) {
  Json json;
  json["id"] = head.id;
  json["object"] = object;
  json["created"] = head.created;
  json["model"] = head.model;
  if (!head.service_tier.empty()) json["service_tier"] = head.service_tier;
  if (!head.system_fingerprint.empty()) json["system_fingerprint"] = head.system_fingerprint;
  return json;
}

Json LogprobJson(double logprob) { return std::isfinite(logprob) ? logprob : -9999.0; }

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace puna::api
