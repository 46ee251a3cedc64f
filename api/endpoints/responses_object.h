// The response object.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "api/endpoints/responses_request.h"

namespace puna::api {

// As it begins: without output. `model`: the served name.
nlohmann::ordered_json BegunResponseJson(const ResponsesRequest& request, const std::string& id,
                                         const std::string& model, int64_t created_at);

}  // namespace puna::api
