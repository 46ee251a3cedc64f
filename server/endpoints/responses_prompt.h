// From the body of /v1/responses to the prompt: what was said before, and what is said now.
#pragma once

#include <string>
#include <vector>

#include "api/endpoints/responses_request.h"
#include "api/fields/id_generator.h"
#include "server/generate/answer_form.h"
#include "server/generate/service.h"
#include "server/http/http.h"

namespace puna::server {

// What the answer is to be, by the body; refers to it.
AnswerForm AnswerFormOf(api::ResponsesRequest& body);

// What was said before this turn, by previous_response_id or conversation. Throws api::ApiError: there is no such thing.
Earlier EarlierOf(const api::ResponsesRequest& body, const HttpRequest& http, Service& service);

// A summary as its owner keeps it. What it stands for (kCompaction or kContextCompaction) is sealed in.
std::string SealCompaction(api::ResponseItem::Kind kind, const std::string& summary, const std::string& owner,
                           const Service& service);

// Reads the summaries that this server has sealed for this owner, and what they stand for. Throws api::ApiError: one of them is
// none of those. What was opened before stays as it is.
void OpenCompactions(std::vector<api::ResponseItem>& items, const std::string& owner, const Service& service);

// The body with its items as they are stored: compactions opened, references resolved, each with an id. Throws api::ApiError.
api::ResponsesRequest Completed(api::ResponsesRequest body, const HttpRequest& http, const Service& service,
                                api::IdGenerator& ids);

// What the model reads. With truncation "auto" as many of the newest messages as fit, with a warning. Throws api::ApiError.
std::vector<engine::TokenId> ResponsesPrompt(const Earlier& earlier, api::ResponsesRequest& body,
                                             const Service& service);

}  // namespace puna::server
