#include "server/endpoints/summary.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "api/json/error.h"
#include "server/endpoints/responses_prompt.h"
#include "server/generate/build_request.h"

namespace puna::server {
namespace {

constexpr const char* kAsk =
    "Write a summary of our conversation so far. You will go on from it without seeing the conversation again. Keep "
    "what I asked for and why, what was found and decided, names, numbers and paths as they were written, what was "
    "tried and how it ended, and what is still to be done. Answer with the summary alone.";
constexpr const char* kCutOff = "\n(The summary was cut off here: it had no more room.)";

constexpr int kSummaryShare = 8;  // of the context
constexpr int kMostSummaryTokens = 1024;

api::ResponseItem Ask() {
  api::ResponseItem ask;
  ask.role = "user";
  ask.text = kAsk;
  return ask;
}

bool IsSystem(const api::ResponseItem& item) {
  return item.kind == api::ResponseItem::Kind::kMessage && item.role == "system";
}

std::vector<api::ResponseItem> SystemItems(const std::vector<api::ResponseItem>& items) {
  std::vector<api::ResponseItem> system;
  std::copy_if(items.begin(), items.end(), std::back_inserter(system), IsSystem);
  return system;
}

void CheckSomethingSaid(const Earlier& earlier, const api::ResponsesRequest& body) {
  const auto all_system = [](const std::vector<api::ResponseItem>& items) {
    return std::all_of(items.begin(), items.end(), IsSystem);
  };
  if (all_system(earlier.items) && all_system(body.input))
    throw api::InvalidValue("input", "there is nothing to compact: nothing was said yet.", "empty_array");
}

// Refuses to have nothing summarised.
void CheckSomethingFits(const std::vector<engine::TokenId>& prompt, const Earlier& earlier, api::ResponsesRequest& body,
                        const Service& service) {
  body.input = SystemItems(body.input);
  body.input.push_back(Ask());
  Earlier system;
  system.items = SystemItems(earlier.items);
  if (prompt != ResponsesPrompt(system, body, service)) return;
  throw api::ApiError(400, "invalid_request_error", "context_length_exceeded",
                      "Not even the newest message fits into the context of " +
                          std::to_string(service.engine->limits().max_model_len) +
                          " tokens beside what is asked for a summary: nothing of the conversation could be read.",
                      "input");
}

}  // namespace

int SummaryTokens(const Service& service) {
  return std::clamp(service.engine->limits().max_model_len / kSummaryShare, 1, kMostSummaryTokens);
}

ChoicePlan PlanSummary(const Earlier& earlier, api::ResponsesRequest& body, const HttpRequest& http,
                       const Service& service) {
  CheckSomethingSaid(earlier, body);
  body.tools.clear();
  body.truncation_auto = true;  // what does not fit is named in a warning
  if (!body.sampling.max_tokens) body.sampling.max_tokens = SummaryTokens(service);
  body.input.push_back(Ask());
  ChoicePlan plan;
  const std::vector<engine::TokenId> prompt = ResponsesPrompt(earlier, body, service);
  CheckSomethingFits(prompt, earlier, body, service);
  plan.request = BuildRequest(body.sampling, prompt, "input", SeedOf(body.sampling), 0, service, body.warnings);
  Sign(http, plan.request);
  plan.request.remembered = body.store;
  plan.output = BuildOutput(body.sampling, plan.request);
  return plan;
}

api::ResponseItem MakeCompaction(api::ResponseItem::Kind kind, std::string summary, bool cut, const std::string& owner,
                                 const Service& service, api::IdGenerator& ids) {
  if (summary.find_first_not_of(" \t\r\n") == std::string::npos)
    throw api::ApiError(500, "server_error", "empty_summary",
                        "The model wrote no summary. Try again, or with another seed.");
  if (cut) summary += kCutOff;
  api::ResponseItem compaction;
  compaction.kind = kind;
  compaction.id = ids.Next("cmp_");
  compaction.sealed = SealCompaction(kind, summary, owner, service);
  compaction.text = std::move(summary);
  return compaction;
}

}  // namespace puna::server
