// GET /v1/models and /v1/models/{id}: the one model that is served.
#include <nlohmann/json.hpp>

#include "api/error.h"
#include "server/build_request.h"
#include "server/handlers.h"

namespace puna::server {
namespace {

nlohmann::ordered_json Describe(const Service& service) {
  return {{"id", service.model_name},
          {"object", "model"},
          {"created", service.created},
          {"owned_by", "puna"},
          {"max_model_len", service.engine->limits().max_model_len}};
}

}  // namespace

void ListModels(Service& service, const HttpRequest&, HttpReply& reply) {
  reply.body = nlohmann::ordered_json{{"object", "list"}, {"data", {Describe(service)}}}.dump();
}

void GetModel(Service& service, const HttpRequest& request, HttpReply& reply) {
  CheckModel(request.tail, service);
  reply.body = Describe(service).dump();
}

}  // namespace puna::server
