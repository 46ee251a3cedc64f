#include "server/endpoints/responses_prompt.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "api/endpoints/conversations.h"
#include "api/endpoints/stored_items.h"
#include "api/json/error.h"
#include "server/generate/prompts.h"

namespace puna::server {
namespace {

using Kind = api::ResponseItem::Kind;

std::vector<engine::TokenId> Render(const std::vector<api::Message>& messages, api::ResponsesRequest& body,
                                    const Service& service) {
  return ChatPrompt({messages, OfferedTools(AnswerFormOf(body)), "", true, false, "input"}, service);
}

// For whom a compaction of this kind is sealed. No owner's name has a space.
std::string OwnerOf(Kind kind, const std::string& owner) {
  return kind == Kind::kContextCompaction ? owner + " context" : owner;
}

// What the prompt may take when so much is asked for the answer; an eighth is kept for one whose bound is beyond the context.
int64_t RoomForPrompt(int limit, int answer) { return limit - (answer < limit ? answer : std::max(1, limit / 8)); }

// Truncation "auto": as many of the newest messages as fit. What is tried grows from the newest on,
// so that the work goes with what fits and not with what is dropped.
std::vector<engine::TokenId> RenderTruncated(const std::vector<api::Message>& messages, api::ResponsesRequest& body,
                                             const Service& service) {
  const int limit = service.engine->limits().max_model_len;
  // An answer without a bound of its own gets an eighth of the context.
  const int64_t room = RoomForPrompt(limit, body.sampling.max_tokens.value_or(limit));
  const size_t units = api::NumDroppable(messages);
  std::vector<engine::TokenId> best = Render(api::WithoutOldest(messages, units), body, service);
  size_t fits = 0;          // units that are kept
  size_t too_many = units;  // the whole did not fit
  const auto keep = [&](size_t kept) {
    std::vector<engine::TokenId> prompt = Render(api::WithoutOldest(messages, units - kept), body, service);
    const bool fitting = static_cast<int64_t>(prompt.size()) <= room;
    if (fitting) best = std::move(prompt);
    (fitting ? fits : too_many) = kept;
  };
  for (size_t kept = 1; kept < too_many; kept = 2 * kept + 1) keep(kept);
  while (fits + 1 < too_many) keep(fits + (too_many - fits) / 2);
  body.warnings.Add("'truncation' dropped the oldest " + std::to_string(units - fits) +
                    " messages (with the results of their calls), which do not fit");
  return best;
}

}  // namespace

AnswerForm AnswerFormOf(api::ResponsesRequest& body) {
  return {body.format, body.tools, body.tool_choice, body.warnings, body.parallel_tool_calls};
}

Earlier EarlierOf(const api::ResponsesRequest& body, const HttpRequest& http, Service& service) {
  const std::string& owner = http.caller.owner;
  if (!body.conversation.empty()) {
    http.TakeMemory(service.responses->ConversationBytes(owner, body.conversation));
    std::optional<ConversationSoFar> found = service.responses->ReadConversation(owner, body.conversation);
    if (!found) throw api::ConversationNotFound(body.conversation);
    OpenCompactions(found->items, owner, service);
    return {std::move(found->items), 0, found->last};
  }
  const std::string& previous_id = body.previous_response_id;
  if (previous_id.empty()) return {};
  http.TakeMemory(service.responses->EarlierBytes(owner, previous_id));
  if (std::optional<Earlier> earlier = service.responses->FindEarlier(owner, previous_id)) {
    OpenCompactions(earlier->items, owner, service);
    return *std::move(earlier);
  }
  const api::ApiError error = api::ResponseNotFound(previous_id);
  throw api::ApiError(400, error.type(), "previous_response_not_found", error.message(), "previous_response_id");
}

std::string SealCompaction(Kind kind, const std::string& summary, const std::string& owner, const Service& service) {
  return service.seal->Close(summary, OwnerOf(kind, owner));
}

void OpenCompactions(std::vector<api::ResponseItem>& items, const std::string& owner, const Service& service) {
  for (api::ResponseItem& item : items) {
    const bool sealed = item.kind == Kind::kCompaction || item.kind == Kind::kContextCompaction;
    if (!sealed || !item.text.empty()) continue;
    std::optional<std::string> summary = service.seal->Open(item.sealed, OwnerOf(Kind::kCompaction, owner));
    item.kind = summary ? Kind::kCompaction : Kind::kContextCompaction;
    if (!summary) summary = service.seal->Open(item.sealed, OwnerOf(Kind::kContextCompaction, owner));
    if (!summary) {
      throw api::ApiError(
          400, "invalid_request_error", "invalid_encrypted_content",
          "The 'encrypted_content' of a compaction was not made by this server for you, or has been changed. Send "
          "the conversation itself. (With --responses-path the key outlives the server; without it, it ends "
          "with the process.)",
          "input");
    }
    item.text = *std::move(summary);
  }
}

api::ResponsesRequest Completed(api::ResponsesRequest body, const HttpRequest& http, const Service& service,
                                api::IdGenerator& ids) {
  OpenCompactions(body.input, http.caller.owner, service);
  body.input = api::ResolveReferences(body.input, [&](const std::string& id) {
    std::optional<api::ResponseItem> item = service.responses->FindItem(http.caller.owner, id);
    if (item)
      http.TakeMemory(api::ItemsToStore({*item}).size());  // a few bytes may name one that is large, again and again
    return item;
  });
  api::GiveIds(body.input, ids);
  return body;
}

std::vector<engine::TokenId> ResponsesPrompt(const Earlier& earlier, api::ResponsesRequest& body,
                                             const Service& service) {
  const std::vector<api::Message> messages = api::AssembleMessages(body.instructions, earlier.items, body.input);
  std::vector<engine::TokenId> prompt = Render(messages, body, service);
  const int64_t room = RoomForPrompt(service.engine->limits().max_model_len, body.sampling.max_tokens.value_or(1));
  const bool fits = static_cast<int64_t>(prompt.size()) <= room;
  if (fits || !body.truncation_auto || api::NumDroppable(messages) == 0) return prompt;
  return RenderTruncated(messages, body, service);
}

}  // namespace puna::server
