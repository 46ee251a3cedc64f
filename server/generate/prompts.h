// From text and conversations to token ids.
#pragma once

#include <string>
#include <vector>

#include "api/endpoints/completion_request.h"
#include "server/generate/service.h"

namespace puna::server {

// The conversation as the model's chat template lays it out; only the template's own text can
// become special tokens. Throws api::ApiError: no template, or one that refuses.
std::vector<engine::TokenId> ChatPrompt(const Conversation& conversation, const Service& service);

// Plain text, behind <|begin_of_text|> when special tokens are wanted.
std::vector<engine::TokenId> TextPrompt(const std::string& text, bool add_special_tokens, const Service& service);

// The same for an input that may be ids already.
std::vector<engine::TokenId> InputPrompt(const api::PromptInput& input, bool add_special_tokens,
                                         const Service& service);

}  // namespace puna::server
