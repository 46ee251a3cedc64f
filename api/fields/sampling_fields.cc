#include "api/fields/sampling_fields.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>

#include "api/fields/request_fields.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"

namespace puna::api {

namespace {

constexpr int kMaxCount = 1 << 30;
constexpr size_t kMaxStops = 16;

std::vector<std::pair<int, double>> ReadLogitBias(ObjectReader& body) {
  std::vector<std::pair<int, double>> bias;
  const Json* value = body.Find("logit_bias");
  if (!value) return bias;
  if (!value->is_object()) throw InvalidType("logit_bias", "an object", TypeName(*value));
  for (const auto& [key, amount] : value->items()) {
    const std::string path = MemberPath("logit_bias", key);
    int id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0) {
      throw InvalidValue(path, "expected a token id written in decimal digits as the key.");
    }
    bias.emplace_back(id, ReadValue<double>(amount, path, -100, 100));
  }
  return bias;
}

std::vector<std::string> ReadStops(ObjectReader& body) {
  std::vector<std::string> stops;
  const Json* value = body.Find("stop");
  if (!value) return stops;
  // An empty one stops nothing: local clients send it for none.
  const auto add = [&](const Json& stop, const std::string& path) {
    std::string text = ReadValue<std::string>(stop, path);
    if (!text.empty()) stops.push_back(std::move(text));
  };
  if (value->is_string()) {
    add(*value, "stop");
    return stops;
  }
  if (!value->is_array()) throw InvalidType("stop", "a string or an array of strings", TypeName(*value));
  const auto& array = ReadArray(*value, "stop");
  if (array.size() > kMaxStops) {
    throw InvalidValue("stop",
                       "at most " + std::to_string(kMaxStops) + " stop strings can be given, but got " +
                           std::to_string(array.size()) + ".",
                       "array_above_max_length");
  }
  for (size_t i = 0; i < array.size(); ++i) add(array[i], IndexPath("stop", i));
  return stops;
}

std::vector<int> ReadIds(ObjectReader& body, const char* name) {
  std::vector<int> ids;
  const Json* value = body.Find(name);
  if (!value) return ids;
  const auto& array = ReadArray(*value, name);
  for (size_t i = 0; i < array.size(); ++i) ids.push_back(ReadValue<int>(array[i], IndexPath(name, i), 0, INT32_MAX));
  return ids;
}

void ReadMaxTokens(ObjectReader& body, int min, SamplingFields& fields) {
  const std::optional<int> newer = ReadTokenBound(body, "max_completion_tokens", min);
  const std::optional<int> older = ReadTokenBound(body, "max_tokens", min);
  if (newer && older && *newer != *older) {
    throw InvalidValue("max_tokens", "it differs from max_completion_tokens; give one of them.");
  }
  fields.max_tokens = newer ? newer : older;
  fields.max_tokens_param = newer ? "max_completion_tokens" : "max_tokens";
}

std::string ReadGuessSource(const Json& value, const std::string& path) {
  std::string source = ReadValue<std::string>(value, path);
  if (std::find(std::begin(kGuessSources), std::end(kGuessSources), source) == std::end(kGuessSources))
    throw InvalidValue(path, "expected one of prediction, grammar, lookup, remembered, draft.");
  return source;
}

// true, false, or an object.
SpeculationFields ReadSpeculation(ObjectReader& body) {
  SpeculationFields fields;
  fields.sources.assign(std::begin(kGuessSources), std::end(kGuessSources));
  const Json* value = body.Find("speculation");
  if (!value) return fields;
  fields.asked = true;
  if (value->is_boolean()) {
    if (!value->get<bool>()) fields.max = 0;
    return fields;
  }
  if (!value->is_object()) throw InvalidType("speculation", "true, false or an object", TypeName(*value));
  ObjectReader options(*value, "speculation");
  fields.max = options.Optional<int>("max", 0, kMaxCount);
  if (const Json* sources = options.Find("sources")) {
    fields.sources.clear();
    const auto& array = ReadArray(*sources, "speculation.sources");
    for (size_t i = 0; i < array.size(); ++i)
      fields.sources.push_back(ReadGuessSource(array[i], IndexPath("speculation.sources", i)));
  }
  const std::vector<std::string> unknown = options.Unread();
  if (!unknown.empty()) throw InvalidValue(unknown[0], "it is not known; speculation has sources and max.");
  return fields;
}

}  // namespace

std::optional<int> ReadTokenBound(ObjectReader& body, std::string_view name, int min) {
  const Json* value = body.Find(name);
  if (value && value->is_number() && *value == -1) return std::nullopt;
  return body.Optional<int>(name, min, kMaxCount);
}

SamplingFields ReadSamplingCore(ObjectReader& body) {
  SamplingFields fields;
  fields.temperature = body.Optional<double>("temperature", 0, 2);
  fields.top_p = body.Optional<double>("top_p", 0, 1);
  if (fields.top_p) fields.top_p = std::max(*fields.top_p, 1e-6);
  fields.top_k = body.Optional<int>("top_k", -1, kMaxCount);
  fields.min_p = body.Optional<double>("min_p", 0, 1);
  fields.repetition_penalty = body.Optional<double>("repetition_penalty", 1e-6, 10);
  fields.frequency_penalty = body.Optional<double>("frequency_penalty", -2, 2).value_or(0);
  fields.presence_penalty = body.Optional<double>("presence_penalty", -2, 2).value_or(0);
  fields.seed = body.Optional<int64_t>("seed");
  fields.include_energy = body.Get<bool>("include_energy", false);
  fields.include_cache_report = body.Get<bool>("include_cache_report", false);
  fields.priority = body.Optional<int>("priority", -kMaxCount, kMaxCount).value_or(0);
  fields.speculation = ReadSpeculation(body);
  if (const auto salt = body.Optional<std::string>("cache_salt")) {
    if (salt->empty()) throw InvalidValue("cache_salt", "it is empty; leave it out for the cache that all share.");
    fields.cache_salt = *salt;
  }
  return fields;
}

SamplingFields ReadSampling(ObjectReader& body, int min_max_tokens) {
  SamplingFields fields = ReadSamplingCore(body);
  fields.logit_bias = ReadLogitBias(body);
  ReadMaxTokens(body, min_max_tokens, fields);
  fields.min_tokens = body.Optional<int>("min_tokens", 0, kMaxCount).value_or(0);
  fields.ignore_eos = body.Get<bool>("ignore_eos", false);
  fields.stop_token_ids = ReadIds(body, "stop_token_ids");
  fields.stop = ReadStops(body);
  fields.include_stop_str_in_output = body.Get<bool>("include_stop_str_in_output", false);
  fields.skip_special_tokens = body.Get<bool>("skip_special_tokens", true);
  if (fields.max_tokens && fields.min_tokens > *fields.max_tokens) {
    throw InvalidValue("min_tokens", "it is larger than max_tokens.");
  }
  return fields;
}

StreamFields ReadStream(ObjectReader& body, Warnings& warnings) {
  StreamFields fields;
  fields.stream = body.Get<bool>("stream", false);
  const Json* value = body.Find("stream_options");
  if (!value) return fields;
  ObjectReader options(*value, "stream_options");
  if (!fields.stream) throw InvalidValue("stream_options", "it is only allowed when 'stream' is true.");
  fields.include_usage = options.Get<bool>("include_usage", false);
  if (options.Get<bool>("include_obfuscation", false)) {
    warnings.Add("'stream_options.include_obfuscation' has no effect: chunks are not padded");
  }
  if (options.Get<bool>("continuous_usage_stats", false)) {
    warnings.Add("'stream_options.continuous_usage_stats' has no effect: usage comes once, at the end");
  }
  WarnUnread(options, warnings);
  return fields;
}

std::string ReadServiceTier(ObjectReader& body, Warnings& warnings) {
  const std::optional<std::string> tier = body.Optional<std::string>("service_tier");
  if (!tier) return {};
  static constexpr const char* kTiers[] = {"auto", "default", "flex", "scale", "priority"};
  if (std::find(std::begin(kTiers), std::end(kTiers), *tier) == std::end(kTiers)) {
    throw InvalidValue("service_tier", "expected one of auto, default, flex, scale, priority.");
  }
  if (*tier != "auto" && *tier != "default") {
    warnings.Add("'service_tier' " + *tier + " is served as default");
  }
  return "default";
}

}  // namespace puna::api
