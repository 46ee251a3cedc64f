// The tools of a Messages body, and which of them may be called.
#pragma once

#include "api/endpoints/chat_request.h"

namespace puna::api {

class ObjectReader;
class Places;

// `tools` and `tool_choice` of the body. Tools that Anthropic runs or defines (web_search_..., bash_...) are left out with
// a warning. Throws ApiError.
void ReadMessagesTools(ObjectReader& body, const Places& places, ChatRequest& chat);

}  // namespace puna::api
