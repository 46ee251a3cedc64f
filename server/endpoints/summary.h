// A summary of a conversation, which the model writes, and the item that carries it.
#pragma once

#include <string>

#include "api/endpoints/responses_items.h"
#include "api/endpoints/responses_request.h"
#include "api/fields/id_generator.h"
#include "server/generate/generation.h"
#include "server/generate/service.h"
#include "server/http/http.h"

namespace puna::server {

// What a summary may take where nobody says: an eighth of the context, at most 1024 tokens.
int SummaryTokens(const Service& service);

// What the engine is asked for a summary of `earlier` and body.input, under the instructions of the body. Nothing is to be called,
// so the tools are left out. The oldest messages that do not fit are left out of it, which a warning of
// the body tells. Takes input and tools of the body. Throws api::ApiError: nothing was said, or not even the newest message fits.
ChoicePlan PlanSummary(const Earlier& earlier, api::ResponsesRequest& body, const HttpRequest& http,
                       const Service& service);

// Of this kind, with an id, sealed for the owner; `cut`: the summary had no room to end. Throws api::ApiError: it is empty.
api::ResponseItem MakeCompaction(api::ResponseItem::Kind kind, std::string summary, bool cut, const std::string& owner,
                                 const Service& service, api::IdGenerator& ids);

}  // namespace puna::server
