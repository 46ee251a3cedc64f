// GET /v1/models and /v1/models/{id}: the one model that is served.
#include "api/models_response.h"
#include "server/build_request.h"
#include "server/handlers.h"

namespace puna::server {
namespace {

api::ModelInfo Describe(const Service& service) {
  return {service.model_name, service.created, "puna", service.engine->limits().max_model_len};
}

}  // namespace

void ListModels(Service& service, const HttpRequest&, HttpReply& reply) {
  reply.body = api::ModelListJson({Describe(service)});
}

void GetModel(Service& service, const HttpRequest& request, HttpReply& reply) {
  CheckModel(request.tail, service);
  reply.body = api::ModelJson(Describe(service));
}

}  // namespace puna::server
