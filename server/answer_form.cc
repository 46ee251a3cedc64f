#include "server/answer_form.h"

#include <algorithm>

#include "api/error.h"
#include "engine/grammar/grammar_constraint.h"
#include "engine/grammar/tool_call_constraint.h"

namespace puna::server {
namespace {

using Mode = api::ToolChoice::Mode;
using engine::TokenId;

// The ids that may end a constrained answer. The grammar says when, so that a client's wish for a
// length of its own cannot be met.
std::vector<TokenId> EndIds(const Service& service, const std::string& param, const engine::Request& request) {
  if (request.stop.min_new_tokens > 0)
    throw api::InvalidValue("min_tokens", "it contradicts '" + param + "', which says when the answer is complete.");
  for (const TokenId id : service.end_ids) {
    const auto& ends = request.stop.end_ids;
    if (std::find(ends.begin(), ends.end(), id) == ends.end())
      throw api::InvalidValue("ignore_eos", "it contradicts '" + param + "', which says when the answer is complete.");
  }
  return service.end_ids;
}

std::vector<api::ToolSpec> Callable(const AnswerForm& form) {
  const std::vector<std::string>& allowed = form.tool_choice.allowed;
  if (allowed.empty()) return form.tools;
  std::vector<api::ToolSpec> tools;
  for (const api::ToolSpec& tool : form.tools) {
    if (std::find(allowed.begin(), allowed.end(), tool.name) != allowed.end()) tools.push_back(tool);
  }
  return tools;
}

void SetTools(const AnswerForm& form, const Service& service, ChoicePlan& plan) {
  const api::ToolFormat format = service.chat->tool_format();
  const bool parallel = form.parallel_tool_calls && !form.tool_choice.named;
  const bool required = form.tool_choice.mode == Mode::kRequired;
  const bool hermes = format == api::ToolFormat::kHermes;
  const bool form_is_free = form.format.kind == api::OutputFormat::Kind::kText;
  if (required && !form_is_free)
    throw api::InvalidValue("tool_choice", "it demands a call, and '" + form.format.param + "' another form of answer.");
  // Hermes' calls may stand behind any text: they are constrained only where one is demanded.
  const bool free_length = plan.request.stop.min_new_tokens > 0 || (!service.end_ids.empty() && plan.request.stop.end_ids.empty());
  const bool constrained = required || (form_is_free && !hermes && !free_length);
  plan.output.tools = {format, constrained, parallel};
  if (!constrained) return;
  const auto grammar = service.grammars->FindCalls(Callable(form), format, parallel);
  std::vector<TokenId> ends = EndIds(service, "tool_choice", plan.request);
  engine::MaskCache& masks = service.grammars->masks();
  if (required) {
    plan.request.constraint = std::make_unique<engine::GrammarConstraint>(grammar, masks, std::move(ends));
    return;
  }
  const TokenId tag = service.tokenizer.SpecialId("<|python_tag|>").value_or(engine::kNoToken);
  plan.request.constraint = std::make_unique<engine::ToolCallConstraint>(grammar, masks, std::move(ends), tag);
}

}  // namespace

const std::vector<api::ToolSpec>& OfferedTools(const AnswerForm& form) {
  static const std::vector<api::ToolSpec> kNone;
  return form.tool_choice.mode == Mode::kNone ? kNone : form.tools;
}

void SetFormat(const api::OutputFormat& format, const Service& service, ChoicePlan& plan) {
  if (format.kind == api::OutputFormat::Kind::kText) return;
  const auto grammar = service.grammars->Find(format);
  plan.request.constraint = std::make_unique<engine::GrammarConstraint>(
      grammar, service.grammars->masks(), EndIds(service, format.param, plan.request));
}

void SetForm(const AnswerForm& form, const Service& service, ChoicePlan& plan) {
  SetFormat(form.format, service, plan);
  if (!OfferedTools(form).empty()) SetTools(form, service, plan);
}

}  // namespace puna::server
