// What form an answer may have: a format that it keeps to, and the tools that it may call. The same
// for all endpoints.
#pragma once

#include <vector>

#include "api/fields/message.h"
#include "api/fields/output_format.h"
#include "api/fields/warnings.h"
#include "server/generate/generation.h"
#include "server/generate/service.h"

namespace puna::server {

struct AnswerForm {
  const api::OutputFormat& format;
  const std::vector<api::ToolSpec>& tools;
  const api::ToolChoice& tool_choice;
  api::Warnings& warnings;  // what cannot be held to is told there
  bool parallel_tool_calls = true;
};

// The tools that the prompt tells the model of: none with tool_choice none.
const std::vector<api::ToolSpec>& OfferedTools(const AnswerForm& form);

// What the answer keeps to, and how calls are found in it; `plan` has its request and output
// otherwise. Throws api::ApiError 400 for a form that cannot be enforced, before a token is computed.
void SetFormat(const api::OutputFormat& format, api::Warnings& warnings, const Service& service, ChoicePlan& plan);
void SetForm(const AnswerForm& form, const Service& service, ChoicePlan& plan);

}  // namespace puna::server
