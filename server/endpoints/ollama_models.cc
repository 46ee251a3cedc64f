// What Ollama's API says of models: lists, details, embeddings; and pull, delete and their like for a server that has one model.
#include <chrono>

#include "api/endpoints/ollama_request.h"
#include "api/endpoints/ollama_response.h"
#include "api/json/error.h"
#include "server/endpoints/embed.h"
#include "server/endpoints/handlers.h"
#include "server/endpoints/model_facts.h"
#include "server/endpoints/ollama_names.h"
#include "server/generate/answer.h"
#include "server/generate/build_request.h"
#include "server/http/accept.h"

namespace puna::server {
namespace {

using Clock = std::chrono::steady_clock;

// Of the protocol that is followed: clients compare it with the least that they need, number by number.
constexpr const char* kVersion = R"({"version":"0.35.0"})";

// 64 hexadecimal digits that are the same while the model is the same and computed in the same way. FNV-1a.
std::string DigestOf(const std::string& text) {
  std::string digest;
  for (uint64_t round = 0; round < 4; ++round) {
    uint64_t hash = 14695981039346656037u + round;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    for (int shift = 60; shift >= 0; shift -= 4) digest += "0123456789abcdef"[(hash >> shift) & 15];
  }
  return digest;
}

api::OllamaModel Describe(const std::string& name, const Service& service) {
  const auto& shape = service.facts.shape;
  api::OllamaModel model;
  model.name = name;
  model.created = service.created;
  model.size = service.facts.weight_bytes;
  model.digest = DigestOf(service.model_name + '\n' + service.engine->fingerprint());
  model.parameters = ParameterCount(service);
  model.quantization = service.facts.format.empty() ? "unknown" : service.facts.format;
  if (!service.end_ids.empty()) model.end_text = service.tokenizer.TokenText(service.end_ids.front());
  model.tools = service.chat.has_value();
  model.context_length = service.engine->limits().max_model_len;
  model.embedding_length = shape.hidden_size;
  model.block_count = shape.num_hidden_layers;
  model.head_count = shape.num_attention_heads;
  model.head_count_kv = shape.num_key_value_heads;
  model.vocab_size = shape.vocab_size;
  return model;
}

std::vector<api::OllamaModel> Models(const Service& service) {
  std::vector<api::OllamaModel> models = {Describe(service.model_name, service)};
  for (const std::string& alias : service.aliases) models.push_back(Describe(alias, service));
  return models;
}

void TellVersion(Service&, const HttpRequest&, HttpReply& reply) { reply.body = kVersion; }
void Tags(Service& service, const HttpRequest&, HttpReply& reply) { reply.body = api::OllamaTags(Models(service)); }
void Ps(Service& service, const HttpRequest&, HttpReply& reply) {
  reply.body = api::OllamaPs({Describe(service.model_name, service)});
}

void Show(Service& service, const HttpRequest& http, HttpReply& reply) {
  const std::string asked = api::ParseOllamaName(http.body).model;
  CheckOllamaModel(asked, service);
  reply.body = api::OllamaShow(Describe(service.model_name, service), asked);
}

// What is there need not be fetched, and nothing else can be served before a new start.
void Pull(Service& service, const HttpRequest& http, HttpReply& reply) {
  const api::OllamaNameRequest asked = api::ParseOllamaName(http.body);
  CheckOllamaModel(asked.model, service);
  reply.body = R"({"status":"success"})";
  if (!asked.stream) return;
  reply.content_type = "application/x-ndjson";
  reply.body = "{\"status\":\"pulling manifest\"}\n" + reply.body + "\n";
}

[[noreturn]] void Delete(Service& service, const HttpRequest& http, HttpReply&) {
  CheckOllamaModel(api::ParseOllamaName(http.body).model, service);
  throw api::ApiError(403, "invalid_request_error", "not_allowed",
                      "models are the operator's: remove the file, and start the server with another --model");
}

[[noreturn]] void Refuse(Service&, const HttpRequest& http, HttpReply&) {
  throw api::ApiError(501, "invalid_request_error", "not_supported",
                      http.path +
                          " is not supported: this server has the one model that it was started with, under the " +
                          "names that --served-model-name gives it");
}

void Embed(Service& service, const HttpRequest& http, HttpReply& reply) {
  const api::EmbeddingsRequest body = api::ParseOllamaEmbed(http.body);
  CheckOllamaModel(body.model, service);
  TellWarnings(body.warnings, http, reply);
  const auto write = [model = body.model, start = Clock::now()](const Vectors& vectors, int prompt_tokens) {
    const std::chrono::duration<double> took = Clock::now() - start;
    return api::OllamaEmbedJson(vectors, model, prompt_tokens, took.count());
  };
  reply.later = EmbedAll(body, http, service, write);
}

void EmbedOne(Service& service, const HttpRequest& http, HttpReply& reply) {
  const api::EmbeddingsRequest body = api::ParseOllamaEmbeddings(http.body);
  CheckOllamaModel(body.model, service);
  TellWarnings(body.warnings, http, reply);
  const std::string* text = std::get_if<std::string>(&body.inputs.front());
  if (text && text->empty()) {
    reply.body = api::OllamaEmbeddingsJson({});
    return;
  }
  const auto write = [](const Vectors& vectors, int) { return api::OllamaEmbeddingsJson(vectors); };
  reply.later = EmbedAll(body, http, service, write);
}

}  // namespace

void CheckOllamaModel(const std::string& model, const Service& service) {
  try {
    api::Warnings unused;  // a tag and a host before the name are how these clients write names
    CheckModel(model, service, unused);
  } catch (const api::ApiError& error) {
    throw api::ApiError(404, error.type(), error.code(),
                        "model '" + model.substr(0, 200) + "' not found; this server has '" + service.model_name +
                            "', and serves another when its operator starts it with --model",
                        "model");
  }
}

void OllamaGreeting(const HttpRequest& request, HttpReply& reply) {
  if (request.method == "GET" && WeightOf("application/json", request.header("Accept")).value_or(0) > 0)
    throw api::UnknownPath(request.method, request.path);
  reply.content_type = "text/plain; charset=utf-8";
  reply.body = "Ollama is running";
}

void AddOllama(Service& service, Router& router) {
  const auto add = [&](const char* method, const char* path,
                       void (*handler)(Service&, const HttpRequest&, HttpReply&)) {
    router.Add(method, path, [&service, handler](const HttpRequest& in, HttpReply& out) { handler(service, in, out); });
  };
  add("POST", "/api/chat", OllamaChat);
  add("POST", "/api/generate", OllamaGenerate);
  add("POST", "/api/embed", Embed);
  add("POST", "/api/embeddings", EmbedOne);
  add("GET", "/api/version", TellVersion);
  add("GET", "/api/tags", Tags);
  add("GET", "/api/ps", Ps);
  add("POST", "/api/show", Show);
  add("POST", "/api/pull", Pull);
  add("DELETE", "/api/delete", Delete);
  for (const char* path : {"/api/copy", "/api/create", "/api/push", "/api/blobs/{}", "/api/me"})
    add("POST", path, Refuse);
}

}  // namespace puna::server
