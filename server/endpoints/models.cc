// GET /v1/models and /v1/models/{id}: the one model that is served, under each of its names.
#include "api/endpoints/models_response.h"
#include "server/endpoints/handlers.h"
#include "server/endpoints/model_facts.h"
#include "server/generate/answer.h"
#include "server/generate/build_request.h"

namespace puna::server {
namespace {

api::ModelInfo Describe(const std::string& name, const Service& service) {
  const auto& shape = service.facts.shape;
  return {.id = name,
          .created = service.created,
          .owned_by = "puna",
          .max_model_len = service.engine->limits().max_model_len,
          .trained_context = shape.max_position_embeddings,
          .vocab_size = shape.vocab_size,
          .hidden_size = shape.hidden_size,
          .parameters = ParameterCount(service),
          .bytes = service.facts.weight_bytes};
}

}  // namespace

void ListModels(Service& service, const HttpRequest&, HttpReply& reply) {
  std::vector<api::ModelInfo> models = {Describe(service.model_name, service)};
  for (const std::string& alias : service.aliases) models.push_back(Describe(alias, service));
  reply.body = api::ModelListJson(models);
}

void GetModel(Service& service, const HttpRequest& request, HttpReply& reply) {
  api::Warnings warnings;
  const std::string name = CheckModel(request.tail, service, warnings);
  TellWarnings(warnings, request, reply);
  reply.body = api::ModelJson(Describe(name, service));
}

}  // namespace puna::server
