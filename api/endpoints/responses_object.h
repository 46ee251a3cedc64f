// The response object.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "api/endpoints/responses_request.h"
#include "api/fields/response_parts.h"

namespace puna::api {

// As it begins: without output. `model`: the served name.
nlohmann::ordered_json BegunResponseJson(const ResponsesRequest& request, const std::string& id,
                                         const std::string& model, int64_t created_at);

// What POST /v1/responses/compact answers: {"id", "object": "response.compaction", "created_at", "output", "usage"}.
std::string CompactedJson(const std::string& id, int64_t created_at, const std::vector<ResponseItem>& output,
                          const Usage& usage);

}  // namespace puna::api
