// GET /v1/capabilities: every request field, and what becomes of it.
#include "api/fields/request_fields.h"
#include "server/endpoints/handlers.h"

namespace puna::server {

std::string Capabilities(const Service& service, const Router& router) {
  const ResponseStore::Limits& limits = service.responses.limits();
  const std::string stored = R"({"where": "memory", "max_responses": )" + std::to_string(limits.max_responses) +
                             R"(, "max_bytes": )" + std::to_string(limits.max_bytes) + "}";
  const auto served = [&](const std::string& path) { return !router.AllowedMethods(path).empty(); };
  return api::CapabilitiesJson(served, {{"stored_responses", stored}});
}

}  // namespace puna::server
