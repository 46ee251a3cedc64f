// GET /v1/capabilities: every request field, and what becomes of it.
#include "api/request_fields.h"
#include "server/handlers.h"

namespace puna::server {

void Capabilities(Service&, const HttpRequest&, HttpReply& reply) {
  reply.body = api::CapabilitiesJson();
}

}  // namespace puna::server
