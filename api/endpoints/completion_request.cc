#include "api/endpoints/completion_request.h"

#include <nlohmann/json.hpp>

#include "api/endpoints/chat_request.h"
#include "api/fields/request_fields.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/request_body.h"

namespace puna::api {

namespace {

constexpr size_t kMaxPrompts = 2048;
constexpr int kDefaultMaxTokens = 16;  // OpenAI's

std::vector<int> ReadTokenIds(const Json& value, const std::string& path) {
  std::vector<int> ids;
  ids.reserve(value.size());
  size_t i = 0;
  for (const Json& id : value) ids.push_back(ReadValue<int>(id, IndexPath(path, i++), 0, INT32_MAX));
  return ids;
}

PromptInput ReadPrompt(const Json& value, const std::string& path) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) throw InvalidType(path, "a string or an array of token ids", TypeName(value));
  if (value.empty()) throw InvalidValue(path, "there must be at least one token.", "empty_array");
  return ReadTokenIds(value, path);
}

void ReadChoices(ObjectReader& body, CompletionRequest& request) {
  request.n = body.Optional<int>("n", 1, kMaxChoices).value_or(1);
  request.best_of = body.Optional<int>("best_of", 1, kMaxChoices).value_or(request.n);
  if (request.best_of < request.n) throw InvalidValue("best_of", "it must not be smaller than n.");
  if (request.best_of > request.n && request.streaming.stream) {
    throw InvalidValue("best_of", "with 'stream' it must equal n, since the best are known at the end only.");
  }
}

}  // namespace

std::vector<PromptInput> ReadPrompts(ObjectReader& body, const char* name) {
  const Json& value = body.Require(name);
  std::vector<PromptInput> prompts;
  if (value.is_string() || (value.is_array() && !value.empty() && value.front().is_number())) {
    prompts.push_back(ReadPrompt(value, name));
    return prompts;
  }
  if (!value.is_array()) throw InvalidType(name, "a string or an array", TypeName(value));
  if (value.empty()) throw InvalidValue(name, "it must not be empty.", "empty_array");
  if (value.size() > kMaxPrompts) {
    throw InvalidValue(name, "at most 2048 inputs can be given, but got " + std::to_string(value.size()) + ".",
                       "array_above_max_length");
  }
  size_t i = 0;
  for (const Json& prompt : value) prompts.push_back(ReadPrompt(prompt, IndexPath(name, i++)));
  return prompts;
}

CompletionRequest ParseCompletionRequest(std::string_view bytes) {
  const RequestBody request_body(bytes);
  ObjectReader body(request_body.json(), "");
  CompletionRequest request;
  CheckFields(kCompletions, body, request.warnings);
  request.model = body.Get<std::string>("model", "");
  request.prompts = ReadPrompts(body, "prompt");
  request.echo = body.Get<bool>("echo", false);
  request.sampling = ReadSampling(body, /*min_max_tokens=*/request.echo ? 0 : 1);
  if (!body.Has("max_tokens")) request.sampling.max_tokens = kDefaultMaxTokens;
  request.format = ReadOutputFormat(body, request_body.places(), request.warnings);
  request.streaming = ReadStream(body, request.warnings);
  ReadChoices(body, request);
  request.num_logprobs = body.Optional<int>("logprobs", 0, kMaxLogprobs).value_or(-1);
  request.add_special_tokens = body.Get<bool>("add_special_tokens", true);
  request.tokens_as_ids = body.Get<bool>("return_tokens_as_token_ids", false);
  request.user = body.Get<std::string>("user", "");
  const std::string safety = body.Get<std::string>("safety_identifier", "");
  if (request.user.empty()) request.user = safety;
  request.service_tier = ReadServiceTier(body, request.warnings);
  body.Optional<std::string>("prompt_cache_key");
  return request;
}

}  // namespace puna::api
