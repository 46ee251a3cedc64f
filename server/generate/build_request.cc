#include "server/generate/build_request.h"

#include <algorithm>
#include <random>

#include "api/json/error.h"
#include "server/http/key_account.h"

namespace puna::server {
namespace {

using engine::TokenId;

engine::SamplingParams Sampling(const api::SamplingFields& fields, const Service& service) {
  const SamplingDefaults defaults = DefaultsOf(service.generation);
  engine::SamplingParams params;
  params.temperature = static_cast<float>(fields.temperature.value_or(defaults.temperature));
  params.top_p = static_cast<float>(fields.top_p.value_or(defaults.top_p));
  params.top_k = fields.top_k.value_or(defaults.top_k);
  params.min_p = static_cast<float>(fields.min_p.value_or(defaults.min_p));
  params.repetition_penalty = static_cast<float>(fields.repetition_penalty.value_or(defaults.repetition_penalty));
  params.frequency_penalty = static_cast<float>(fields.frequency_penalty);
  params.presence_penalty = static_cast<float>(fields.presence_penalty);
  for (const auto& [id, bias] : fields.logit_bias) params.logit_bias.emplace_back(id, static_cast<float>(bias));
  return params;
}

void CheckId(TokenId id, int vocab_size, const std::string& param) {
  if (id >= 0 && id < vocab_size) return;
  throw api::InvalidValue(param, "token id " + std::to_string(id) + " is not one of this model's, which go from 0 to " +
                                     std::to_string(vocab_size - 1) + ".");
}

void CheckIds(const api::SamplingFields& fields, const std::vector<TokenId>& prompt, const std::string& prompt_param,
              int vocab_size) {
  for (const TokenId id : prompt) CheckId(id, vocab_size, prompt_param);
  for (const TokenId id : fields.stop_token_ids) CheckId(id, vocab_size, "stop_token_ids");
  for (const auto& [id, bias] : fields.logit_bias) CheckId(id, vocab_size, "logit_bias");
}

// A bound beyond the room that is left is a bound all the same: the answer ends with `length` where the context does.
int MaxNewTokens(const api::SamplingFields& fields, int prompt_tokens, const std::string& prompt_param, int limit,
                 api::Warnings& warnings) {
  if (prompt_tokens == 0) throw api::InvalidValue(prompt_param, "it is empty; at least one token is needed.");
  const int room = limit - prompt_tokens;
  const int wanted = fields.max_tokens.value_or(std::max(1, room));
  if (room < std::min(1, wanted)) throw api::ContextLengthExceeded(limit, prompt_tokens, prompt_param);
  if (wanted > room) {
    warnings.AddOnce("'" + fields.max_tokens_param + "' " + std::to_string(wanted) +
                     " is more than there is room for: " + std::to_string(room) + " tokens of a context of " +
                     std::to_string(limit) + " are left");
  }
  return std::min(wanted, room);
}

std::string LowerCase(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// Without case and tag; see CheckModel.
std::string Folded(std::string name) {
  name = LowerCase(std::move(name));
  constexpr std::string_view kLatest = ":latest";
  if (name.ends_with(kLatest)) name.resize(name.size() - kLatest.size());
  return name;
}

// Whether `asked` is `served`, or that behind providers' names and slashes.
bool Means(const std::string& asked, const std::string& served) {
  const std::string name = Folded(served);
  std::string_view rest = asked;
  for (;;) {
    if (!name.empty() && rest == name) return true;
    const size_t slash = rest.find('/');
    if (slash == rest.npos) return false;
    rest.remove_prefix(slash + 1);
  }
}

engine::GuessOptions Guessing(const api::SpeculationFields& fields) {
  engine::GuessOptions guessing;
  guessing.sources = 0;
  for (size_t source = 0; source < engine::kGuessSourceNames.size(); ++source) {
    if (std::find(fields.sources.begin(), fields.sources.end(), engine::kGuessSourceNames[source]) !=
        fields.sources.end())
      guessing.sources |= static_cast<uint8_t>(1 << source);
  }
  if (fields.max) guessing.max_ids = *fields.max;
  return guessing;
}

}  // namespace

engine::Request BuildRequest(const api::SamplingFields& fields, const std::vector<TokenId>& prompt,
                             const std::string& prompt_param, uint64_t seed, int choice, const Service& service,
                             api::Warnings& warnings) {
  const engine::EngineLimits limits = service.engine->limits();
  const int prompt_tokens = static_cast<int>(std::min<size_t>(prompt.size(), 1 << 30));
  engine::Request request;
  request.stop.max_new_tokens = MaxNewTokens(fields, prompt_tokens, prompt_param, limits.max_model_len, warnings);
  CheckIds(fields, prompt, prompt_param, limits.vocab_size);
  request.prompt = prompt;
  request.cache_salt = fields.cache_salt;
  request.explain_cache = fields.include_cache_report;
  request.priority = fields.priority;
  request.guessing = Guessing(fields.speculation);
  request.sampling = Sampling(fields, service);
  request.sampling.seed = seed + static_cast<uint64_t>(choice);
  request.stop.min_new_tokens = std::min(fields.min_tokens, request.stop.max_new_tokens);
  if (!fields.ignore_eos) request.stop.end_ids = service.end_ids;
  for (const TokenId id : fields.stop_token_ids) request.stop.end_ids.push_back(id);
  return request;
}

void Sign(const HttpRequest& http, engine::Request& request) {
  request.id = http.id;
  request.tenant = http.caller.tenant;
  request.tenant_weight = http.caller.share;
  if (http.caller.account) request.ticket = http.caller.account->Wait();
  request.cache_salt.insert(0, http.caller.cache_salt);
}

SamplingDefaults DefaultsOf(const engine::GenerationConfig& generation) {
  return {.temperature = generation.do_sample.value_or(true) ? generation.temperature.value_or(1.0) : 0.0,
          .top_p = generation.top_p.value_or(1.0),
          .min_p = generation.min_p.value_or(0.0),
          .repetition_penalty = generation.repetition_penalty.value_or(1.0),
          .top_k = generation.top_k.value_or(0)};
}

OutputOptions BuildOutput(const api::SamplingFields& fields, const engine::Request& request) {
  OutputOptions output;
  output.stop = fields.stop;
  output.include_stop = fields.include_stop_str_in_output;
  output.min_tokens = fields.min_tokens;
  output.skip_special_tokens = fields.skip_special_tokens;
  output.end_ids = request.stop.end_ids;
  output.energy = fields.include_energy;
  output.guesses = fields.speculation.asked;
  return output;
}

uint64_t SeedOf(const api::SamplingFields& fields) {
  if (fields.seed) return static_cast<uint64_t>(*fields.seed);
  std::random_device entropy;
  return uint64_t{entropy()} << 32 | entropy();
}

std::string CheckModel(const std::string& model, const Service& service, api::Warnings& warnings) {
  std::vector<std::string> names = {service.model_name};
  names.insert(names.end(), service.aliases.begin(), service.aliases.end());
  if (model.empty()) return service.model_name;
  if (std::find(names.begin(), names.end(), model) != names.end()) return model;
  const std::string asked = Folded(model);
  const auto meant = std::find_if(names.begin(), names.end(), [&](const auto& name) { return Means(asked, name); });
  if (meant == names.end()) throw api::ModelNotFound(model, service.model_name);
  warnings.Add("'model' " + model.substr(0, 100) + " is served as " + *meant);
  return *meant;
}

}  // namespace puna::server
