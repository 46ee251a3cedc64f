// POST /tokenize and /detokenize in vLLM's shapes, and token counts of chat bodies.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/fields/message.h"
#include "api/fields/warnings.h"

namespace puna::api {

// Either a text or a conversation.
struct TokenizeRequest {
  std::string model;
  std::optional<std::string> prompt;
  std::vector<Message> messages;  // when there is no prompt
  std::vector<ToolSpec> tools;
  bool add_special_tokens = true;  // false by default for messages: the template writes them
  bool add_generation_prompt = true;
  bool continue_final_message = false;
  std::string chat_template_kwargs;  // the text of a JSON object, or empty
  bool return_token_strs = false;
  Warnings warnings;
};
TokenizeRequest ParseTokenizeRequest(std::string_view body);

// `token_strs`: null for none.
std::string TokenizeJson(const std::vector<int>& tokens, int max_model_len, const std::vector<std::string>* token_strs);

struct DetokenizeRequest {
  std::string model;
  std::vector<int> tokens;
  Warnings warnings;
};
DetokenizeRequest ParseDetokenizeRequest(std::string_view body);
std::string DetokenizeJson(const std::string& prompt);

// What a body of /v1/chat/completions or /v1/responses costs, in the shape of OpenAI's
// /v1/responses/input_tokens: {"object": "response.input_tokens", "input_tokens": 11}.
std::string InputTokensJson(size_t count);

}  // namespace puna::api
