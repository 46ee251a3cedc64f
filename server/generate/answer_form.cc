#include "server/generate/answer_form.h"

#include <algorithm>

#include "api/json/error.h"
#include "api/tool_calls/tool_format.h"
#include "engine/grammar/masks/grammar_constraint.h"
#include "engine/grammar/masks/tool_call_constraint.h"

namespace puna::server {
namespace {

using Mode = api::ToolChoice::Mode;
using engine::TokenId;

// Whether the model's end ids end the answer.
bool Ends(const Service& service, const engine::StopCriteria& stop) {
  return std::all_of(service.end_ids.begin(), service.end_ids.end(), [&](TokenId id) {
    return std::find(stop.end_ids.begin(), stop.end_ids.end(), id) != stop.end_ids.end();
  });
}

// The ids that may end a constrained answer. The grammar says when, so that a client's wish for a
// length of its own cannot be met.
std::vector<TokenId> EndIds(const Service& service, const std::string& param, const engine::Request& request) {
  if (request.stop.min_new_tokens > 0)
    throw api::InvalidValue("min_tokens", "it contradicts '" + param + "', which says when the answer is complete.");
  if (!Ends(service, request.stop))
    throw api::InvalidValue("ignore_eos", "it contradicts '" + param + "', which says when the answer is complete.");
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

engine::ToolCallSyntax SyntaxOf(const api::CallSyntax& call) {
  const auto text = [](std::string_view part) { return std::string(part); };
  return {text(call.before_name), text(call.before_arguments), text(call.behind), text(call.between)};
}

// Compiling counts against the request's time.
Deadline DeadlineOf(const Service& service, const engine::Request& request) {
  return Deadline(service.config.request_timeout_s, request.arrival);
}

// The forms of calls that this model may begin at any time.
std::vector<engine::ToolCallConstraint::Form> CallForms(const AnswerForm& form, bool parallel, const Service& service,
                                                        const Deadline& deadline) {
  GrammarStore& grammars = *service.grammars;
  const std::vector<api::ToolSpec> tools = Callable(form);
  std::vector<engine::ToolCallConstraint::Form> forms;
  for (const api::CallSyntax& call : api::FormatRow(service.chat->tool_format()).calls) {
    const engine::TagFinder* tag = call.tag.empty() ? nullptr : &grammars.Tag(std::string(call.tag));
    forms.push_back({grammars.FindCalls(tools, SyntaxOf(call), parallel, form.warnings, deadline), tag});
  }
  return forms;
}

// Nothing but what the grammar allows; `param` asked for it.
void Constrain(GrammarStore::GrammarPtr grammar, const std::string& param, const Service& service, ChoicePlan& plan) {
  plan.request.constraint = std::make_unique<engine::GrammarConstraint>(std::move(grammar), service.grammars->masks(),
                                                                        EndIds(service, param, plan.request));
}

// Whether an answer in its form may begin as one of the texts.
bool MayBegin(const AnswerForm& form, const std::vector<std::string>& texts, GrammarStore& grammars,
              const Deadline& deadline) {
  engine::GrammarConstraint answer(grammars.Find(form.format, form.warnings, deadline), grammars.masks(), {});
  return std::any_of(texts.begin(), texts.end(), [&](const std::string& text) { return answer.Fits(text); });
}

void SetTools(const AnswerForm& form, const Service& service, ChoicePlan& plan) {
  const api::ToolFormat format = service.chat->tool_format();
  // Without an end token the first call's end is the answer's.
  const bool parallel = form.parallel_tool_calls && !form.tool_choice.named && !service.end_ids.empty();
  const bool required = form.tool_choice.mode == Mode::kRequired;
  const bool form_is_free = form.format.kind == api::OutputFormat::Kind::kText;
  if (required && !form_is_free)
    throw api::InvalidValue("tool_choice",
                            "it demands a call, and '" + form.format.param + "' another form of answer.");
  const engine::ToolCallSyntax syntax = SyntaxOf(api::FormatRow(format).calls.front());
  const Deadline deadline = DeadlineOf(service, plan.request);
  plan.output.tools = {.format = format, .constrained = true, .parallel = parallel, .demanded = required};
  for (const api::ToolSpec& tool : Callable(form)) {
    plan.output.tools->names.push_back(tool.name);
    if (tool.kind == api::ToolSpec::Kind::kCustom) plan.output.tools->custom.push_back(tool.name);
  }
  GrammarStore& grammars = *service.grammars;
  if (!form_is_free) {  // the answer in its form, or calls
    for (const std::string& name : plan.output.tools->names)
      plan.output.tools->beginnings.push_back(api::CallBeginning(format, name));
    plan.output.tools->constrained = !MayBegin(form, plan.output.tools->beginnings, grammars, deadline);
    return Constrain(grammars.FindFormOrCalls(form.format, Callable(form), syntax, parallel, form.warnings, deadline),
                     form.format.param, service, plan);
  }
  if (required) {
    return Constrain(grammars.FindCalls(Callable(form), syntax, parallel, form.warnings, deadline), "tool_choice",
                     service, plan);
  }
  const engine::StopCriteria& stop = plan.request.stop;
  const bool goes_on = stop.min_new_tokens > 0 || !Ends(service, stop);
  const TokenId tag = service.tokenizer.SpecialId("<|python_tag|>").value_or(engine::kNoToken);
  plan.request.constraint =
      std::make_unique<engine::ToolCallConstraint>(CallForms(form, parallel, service, deadline), grammars.masks(),
                                                   engine::ToolCallConstraint::Ends{service.end_ids, goes_on}, tag);
}

}  // namespace

const std::vector<api::ToolSpec>& OfferedTools(const AnswerForm& form) {
  static const std::vector<api::ToolSpec> kNone;
  return form.tool_choice.mode == Mode::kNone ? kNone : form.tools;
}

void SetFormat(const api::OutputFormat& format, api::Warnings& warnings, const Service& service, ChoicePlan& plan) {
  if (format.kind == api::OutputFormat::Kind::kText) return;
  Constrain(service.grammars->Find(format, warnings, DeadlineOf(service, plan.request)), format.param, service, plan);
}

void SetForm(const AnswerForm& form, const Service& service, ChoicePlan& plan) {
  if (OfferedTools(form).empty()) return SetFormat(form.format, form.warnings, service, plan);
  SetTools(form, service, plan);
}

}  // namespace puna::server
