// GET /v1/capabilities: every request field, and what becomes of it.
#include <nlohmann/json.hpp>

#include "api/fields/request_fields.h"
#include "server/endpoints/handlers.h"
#include "server/generate/build_request.h"

namespace puna::server {
namespace {

std::string StoredJson(const ResponseStore& store) {
  return nlohmann::ordered_json{{"where", store.on_disk() ? "disk" : "memory"},
                                {"max_responses", store.max_responses()},
                                {"max_bytes", store.max_bytes()},
                                {"max_age_s", store.max_age().count()}}
      .dump();
}

// What holds where a request says nothing.
std::string SamplingDefaultsJson(const SamplingDefaults& defaults) {
  return nlohmann::ordered_json{{"temperature", defaults.temperature},
                                {"top_p", defaults.top_p},
                                {"top_k", defaults.top_k},
                                {"min_p", defaults.min_p},
                                {"repetition_penalty", defaults.repetition_penalty}}
      .dump();
}

}  // namespace

std::string Capabilities(const Service& service, const Router& router) {
  const auto served = [&](const std::string& path) { return !router.AllowedMethods(path).empty(); };
  return api::CapabilitiesJson(served, {{"sampling_defaults", SamplingDefaultsJson(DefaultsOf(service.generation))},
                                        {"stored_responses", StoredJson(*service.responses)}});
}

}  // namespace puna::server
