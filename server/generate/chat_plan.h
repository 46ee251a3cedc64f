// A conversation's way to the engine, the same for every protocol that has one.
#pragma once

#include <string>
#include <vector>

#include "api/endpoints/chat_request.h"
#include "server/generate/generation.h"
#include "server/generate/service.h"
#include "server/http/http.h"

namespace puna::server {

// The conversation and the tools it offers, through the model's template. Throws api::ApiError.
std::vector<engine::TokenId> PromptOf(api::ChatRequest& chat, const Service& service);

// What the engine is asked for each of the chat.n answers to the prompt. Throws api::ApiError, as BuildRequest and SetForm do.
std::vector<ChoicePlan> PlanChat(api::ChatRequest& chat, const std::vector<engine::TokenId>& prompt,
                                 const HttpRequest& http, const Service& service);

}  // namespace puna::server
