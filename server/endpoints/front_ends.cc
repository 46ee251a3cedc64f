// What only front ends ask: /props and /slots as llama-server has them, /api/v0 and /api/v1 as LM Studio has them.
#include "api/endpoints/front_end_probes.h"
#include "server/endpoints/handlers.h"
#include "server/endpoints/model_facts.h"
#include "server/generate/answer.h"
#include "server/generate/build_request.h"
#include "server/host/version.h"

namespace puna::server {
namespace {

std::string TextOf(engine::TokenId id, const Service& service) { return id < 0 ? "" : service.tokenizer.TokenText(id); }

api::ServedModel ServedAs(const std::string& name, const Service& service) {
  return {.id = name,
          .context_length = service.engine->limits().max_model_len,
          .trained_context = service.facts.shape.max_position_embeddings,
          .parameters = ParameterCount(service),
          .bytes = service.facts.weight_bytes,
          .quantization = service.facts.format.empty() ? "unknown" : service.facts.format,
          .takes_tools = service.chat.has_value()};
}

std::vector<api::ServedModel> AllServed(const Service& service) {
  std::vector<api::ServedModel> models = {ServedAs(service.model_name, service)};
  for (const std::string& alias : service.aliases) models.push_back(ServedAs(alias, service));
  return models;
}

void Props(Service& service, const HttpRequest&, HttpReply& reply) {
  const SamplingDefaults defaults = DefaultsOf(service.generation);
  api::LlamaProps props;
  props.model_alias = service.model_name;
  if (service.chat) props.chat_template = service.chat->source();
  props.bos_token = TextOf(service.facts.shape.bos_token_id, service);
  if (!service.end_ids.empty()) props.eos_token = TextOf(service.end_ids.front(), service);
  props.build = "puna " + Version();
  props.context_length = service.engine->limits().max_model_len;
  props.slots = service.slots;
  props.temperature = defaults.temperature;
  props.top_p = defaults.top_p;
  props.min_p = defaults.min_p;
  props.top_k = defaults.top_k;
  reply.body = api::LlamaPropsJson(props);
}

void Slots(Service& service, const HttpRequest&, HttpReply& reply) {
  reply.headers["Cache-Control"] = "no-store";
  reply.body =
      api::LlamaSlotsJson(service.slots, service.engine->stats().running, service.engine->limits().max_model_len);
}

void LmStudioModels(Service& service, const HttpRequest&, HttpReply& reply) {
  reply.body = api::LmStudioModelsJson(AllServed(service));
}

void LmStudioModel(Service& service, const HttpRequest& request, HttpReply& reply) {
  api::Warnings warnings;
  const std::string name = CheckModel(request.tail, service, warnings);
  TellWarnings(warnings, request, reply);
  reply.body = api::LmStudioModelJson(ServedAs(name, service));
}

void LmStudioCatalog(Service& service, const HttpRequest&, HttpReply& reply) {
  reply.body = api::LmStudioCatalogJson(AllServed(service));
}

}  // namespace

uint64_t ParameterCount(const Service& service) {
  const auto& shape = service.facts.shape;
  const auto hidden = static_cast<uint64_t>(shape.hidden_size);
  const auto heads = static_cast<uint64_t>(shape.head_dim) * static_cast<uint64_t>(shape.num_attention_heads);
  const auto kv = static_cast<uint64_t>(shape.head_dim) * static_cast<uint64_t>(shape.num_key_value_heads);
  const auto mlp = static_cast<uint64_t>(shape.intermediate_size);
  const uint64_t layer = hidden * (2 * heads + 2 * kv + 3 * mlp + 2);
  const uint64_t tables = shape.tie_word_embeddings ? 1 : 2;
  return tables * static_cast<uint64_t>(shape.vocab_size) * hidden +
         static_cast<uint64_t>(shape.num_hidden_layers) * layer + hidden;
}

void AddFrontEnds(Service& service, Router& router) {
  const auto add = [&](const char* method, const char* path,
                       void (*handler)(Service&, const HttpRequest&, HttpReply&)) {
    router.Add(method, path, [&service, handler](const HttpRequest& in, HttpReply& out) { handler(service, in, out); });
  };
  add("GET", "/props", Props);
  add("GET", "/v1/props", Props);
  add("GET", "/slots", Slots);
  add("GET", "/api/v0/models", LmStudioModels);
  add("GET", "/api/v0/models/*", LmStudioModel);
  add("GET", "/api/v1/models", LmStudioCatalog);
  add("POST", "/api/v0/chat/completions", ChatCompletions);
  add("POST", "/api/v0/completions", Completions);
  add("POST", "/api/v0/embeddings", Embeddings);
}

}  // namespace puna::server
