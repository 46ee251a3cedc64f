// The body of POST /v1/chat/completions, typed and checked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/fields/message.h"
#include "api/fields/output_format.h"
#include "api/fields/sampling_fields.h"
#include "api/fields/warnings.h"

namespace puna::api {

struct ChatRequest {
  std::string model;  // empty: not said
  std::vector<Message> messages;
  std::vector<ToolSpec> tools;
  ToolChoice tool_choice;
  bool parallel_tool_calls = true;
  bool legacy_functions = false;  // tools came as `functions`: the answer has one function_call instead of tool_calls
  SamplingFields sampling;
  OutputFormat format;
  StreamFields streaming;
  int n = 1;
  int num_logprobs = -1;       // -1: none; 0: of the chosen tokens; k: also the k most likely
  bool tokens_as_ids = false;  // log-probabilities name tokens as token_id:N
  std::string prediction;      // the text that the client expects
  bool add_generation_prompt = true;
  bool continue_final_message = false;
  bool echo = false;
  std::string chat_template_kwargs;  // the text of a JSON object; empty when there are none
  std::string user;                  // or safety_identifier
  std::string service_tier;          // to be said in the answer; empty: not asked for
  Warnings warnings;
};

// Throws ApiError. Every field is honoured, refused by name or warned of: request_fields.h says
// which.
ChatRequest ParseChatRequest(std::string_view body);

inline constexpr int kMaxChoices = 128;
inline constexpr int kMaxLogprobs = 20;

}  // namespace puna::api
