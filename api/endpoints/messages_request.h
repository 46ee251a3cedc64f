// The bodies of POST /v1/messages and /v1/messages/count_tokens, Anthropic's, as the request that chat completions are, too.
#pragma once

#include <string_view>

#include "api/endpoints/chat_request.h"

namespace puna::api {

struct MessagesRequest {
  ChatRequest chat;
  // What the answer says something about because it was asked for.
  bool context_management = false;
  bool diagnostics = false;
};

// Both throw ApiError. Every field is honoured, refused by name or warned of: request_fields.h says which.
MessagesRequest ParseMessagesRequest(std::string_view body);
MessagesRequest ParseCountTokensRequest(std::string_view body);  // max_tokens may be left out

}  // namespace puna::api
