// The body of POST /v1/responses, typed and checked.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/endpoints/responses_items.h"
#include "api/fields/message.h"
#include "api/fields/output_format.h"
#include "api/fields/sampling_fields.h"
#include "api/fields/warnings.h"

namespace puna::api {

struct ResponsesRequest {
  std::string model;
  std::vector<ResponseItem> input;
  std::string instructions;
  std::string previous_response_id;  // empty: none
  std::string conversation;          // likewise
  std::vector<ToolSpec> tools;
  ToolChoice tool_choice;
  bool parallel_tool_calls = true;
  SamplingFields sampling;  // max_tokens is max_output_tokens
  OutputFormat format;
  bool stream = false;
  bool store = true;
  bool background = false;  // made while nobody waits
  bool truncation_auto = false;
  // context_management: tokens of the prompt beyond which it is compacted first; 0: as many as the server finds right.
  std::optional<int> compact_threshold;
  bool only_compacts = false;  // a compaction_trigger ends the input: the compaction is all that is wanted
  int num_logprobs = -1;       // -1: none; 0: of the chosen tokens; k: also the k most likely
  std::string user;
  std::string service_tier;
  // As they came, for the response to repeat; empty: not given.
  std::string tools_json, tool_choice_json, text_json, metadata_json, reasoning_json, prompt_cache_key_json,
      safety_identifier_json;
  Warnings warnings;
};

// Throws ApiError.
ResponsesRequest ParseResponsesRequest(std::string_view body);

}  // namespace puna::api
