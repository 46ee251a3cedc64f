// The parameters of lists: limit, order, after.
#pragma once

#include <string>

#include "server/http/http.h"
#include "server/store/conversation_rows.h"

namespace puna::server {

// A parameter of the query; empty when there is none.
std::string QueryOf(const HttpRequest& request, const std::string& name);

// The newest first and 20 of them, unless they say otherwise. Throws api::ApiError.
PageWish ReadPageWish(const HttpRequest& request);

}  // namespace puna::server
