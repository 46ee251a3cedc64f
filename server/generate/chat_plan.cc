#include "server/generate/chat_plan.h"

#include "server/generate/answer_form.h"
#include "server/generate/build_request.h"
#include "server/generate/prompts.h"

namespace puna::server {
namespace {

AnswerForm FormOf(api::ChatRequest& chat) {
  return {chat.format, chat.tools, chat.tool_choice, chat.warnings, chat.parallel_tool_calls};
}

}  // namespace

std::vector<engine::TokenId> PromptOf(api::ChatRequest& chat, const Service& service) {
  return ChatPrompt({chat.messages, OfferedTools(FormOf(chat)), chat.chat_template_kwargs, chat.add_generation_prompt,
                     chat.continue_final_message},
                    service);
}

std::vector<ChoicePlan> PlanChat(api::ChatRequest& chat, const std::vector<engine::TokenId>& prompt,
                                 const HttpRequest& http, const Service& service) {
  const AnswerForm form = FormOf(chat);
  const uint64_t seed = SeedOf(chat.sampling);
  std::vector<ChoicePlan> plans;
  for (int i = 0; i < chat.n; ++i) {
    ChoicePlan& plan = plans.emplace_back();
    plan.request = BuildRequest(chat.sampling, prompt, "messages", seed, i, service, chat.warnings);
    Sign(http, plan.request);
    plan.request.num_logprobs = chat.num_logprobs;
    if (!chat.prediction.empty()) plan.request.prediction = service.tokenizer.Encode(chat.prediction);
    plan.output = BuildOutput(chat.sampling, plan.request);
    plan.output.logprobs = chat.num_logprobs >= 0;
    SetForm(form, service, plan);
  }
  return plans;
}

}  // namespace puna::server
