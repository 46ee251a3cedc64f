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

// Refuses a text of so many bytes that its tokens, were they all the longest there are, would not fit into the context: before
// it is taken apart, which takes many times its memory. Throws api::ApiError.
void CheckTextFits(size_t bytes, const std::string& param, const Service& service);

}  // namespace puna::server
