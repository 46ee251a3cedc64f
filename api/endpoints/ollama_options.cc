#include "api/endpoints/ollama_options.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/fields/request_fields.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"

namespace puna::api {
namespace {

constexpr int kMaxCount = 1 << 30;
constexpr size_t kMaxStops = 64;

// Where the model's memory and threads are the server's own affair.
constexpr const char* kOfTheServer[] = {"num_batch",
                                        "num_gpu",
                                        "main_gpu",
                                        "num_thread",
                                        "use_mmap",
                                        "use_mlock",
                                        "numa",
                                        "num_keep",
                                        "low_vram",
                                        "f16_kv",
                                        "vocab_only",
                                        "embedding_only",
                                        "rope_frequency_base",
                                        "rope_frequency_scale",
                                        "draft_num_predict"};
// Ways to draw that there are not.
constexpr const char* kOtherSamplers[] = {"mirostat", "mirostat_eta", "mirostat_tau", "tfs_z", "penalize_newline"};

std::vector<std::string> ReadStops(ObjectReader& options) {
  std::vector<std::string> stops;
  const Json* value = options.Find("stop");
  if (!value) return stops;
  const std::string path = options.Path("stop");
  const auto add = [&](const Json& stop, const std::string& place) {
    auto text = ReadValue<std::string>(stop, place);
    if (!text.empty()) stops.push_back(std::move(text));
  };
  if (value->is_string()) return add(*value, path), stops;
  const auto& array = ReadArray(*value, path);
  if (array.size() > kMaxStops)
    throw InvalidValue(path, "at most " + std::to_string(kMaxStops) + " can be given.", "array_above_max_length");
  for (size_t i = 0; i < array.size(); ++i) add(array[i], IndexPath(path, i));
  return stops;
}

void ReadSamplers(ObjectReader& options, SamplingFields& fields) {
  fields.temperature = options.Optional<double>("temperature", 0, 2).value_or(*fields.temperature);
  fields.top_k = options.Optional<int>("top_k", -1, kMaxCount).value_or(*fields.top_k);
  fields.top_p = std::max(1e-6, options.Optional<double>("top_p", 0, 1).value_or(*fields.top_p));
  fields.min_p = options.Optional<double>("min_p", 0, 1);
  fields.repetition_penalty = options.Optional<double>("repeat_penalty", 1e-6, 10).value_or(1);
  fields.frequency_penalty = options.Optional<double>("frequency_penalty", -2, 2).value_or(0);
  fields.presence_penalty = options.Optional<double>("presence_penalty", -2, 2).value_or(0);
  const std::optional<int64_t> seed = options.Optional<int64_t>("seed");
  if (seed && *seed != -1) fields.seed = seed;  // Ollama's way to say none
  // -1 and -2 (no limit, up to the end of the context) are the same where the context is never shifted.
  const std::optional<int> bound = options.Optional<int>("num_predict", -2, kMaxCount);
  if (bound && *bound > 0) fields.max_tokens = bound;
  fields.max_tokens_param = "options.num_predict";
  fields.stop = ReadStops(options);
}

void WarnOf(ObjectReader& options, const char* name, const char* why, Warnings& warnings) {
  if (options.Has(name)) warnings.Add("'" + options.Path(name) + "' has no effect: " + why);
}

}  // namespace

void ReadOllamaOptions(ObjectReader& body, OllamaRequest& request) {
  SamplingFields& fields = request.chat.sampling;
  fields.temperature = 0.8;
  fields.top_k = 40;
  fields.top_p = 0.9;
  fields.repetition_penalty = 1;
  const Json* value = body.Find("options");
  if (!value) return;
  Warnings& warnings = request.chat.warnings;
  ObjectReader options(*value, "options");
  ReadSamplers(options, fields);
  request.num_ctx = options.Optional<int>("num_ctx", 0, kMaxCount).value_or(0);
  if (options.Optional<double>("typical_p").value_or(1) != 1)
    throw Unsupported("options.typical_p", "use top_p or min_p.");
  options.Optional<int>("repeat_last_n", -1, kMaxCount);
  if (fields.repetition_penalty != 1)
    WarnOf(options, "repeat_last_n", "repeat_penalty looks at the whole context", warnings);
  for (const char* name : kOfTheServer) options.Find(name);
  for (const char* name : kOtherSamplers) WarnOf(options, name, "there is no such sampler", warnings);
  WarnUnread(options, warnings);
}

}  // namespace puna::api
