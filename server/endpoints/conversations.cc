// /v1/conversations: conversations that are kept, and their items.
#include "api/endpoints/conversations.h"

#include <nlohmann/json.hpp>

#include "api/fields/id_generator.h"
#include "api/fields/response_parts.h"
#include "api/json/error.h"
#include "server/endpoints/handlers.h"
#include "server/endpoints/paging.h"
#include "server/endpoints/responses_prompt.h"
#include "server/generate/answer.h"

namespace puna::server {
namespace {

api::ApiError ItemNotFound(const std::string& id) {
  return {404, "invalid_request_error", "item_not_found", "There is no item '" + id.substr(0, 100) + "' here.", ""};
}

api::Conversation RequireConversation(Service& service, const HttpRequest& request, const std::string& id) {
  std::optional<api::Conversation> found = service.responses->FindConversation(request.caller.owner, id);
  if (!found) throw api::ConversationNotFound(id);
  return *std::move(found);
}

// References resolved, each with an id.
std::vector<api::ResponseItem> Complete(const std::vector<api::ResponseItem>& items, Service& service,
                                        const HttpRequest& request) {
  std::vector<api::ResponseItem> resolved = api::ResolveReferences(
      items, [&](const std::string& id) { return service.responses->FindItem(request.caller.owner, id); });
  OpenCompactions(resolved, request.caller.owner, service);
  api::IdGenerator ids;
  api::GiveIds(resolved, ids);
  return resolved;
}

// Of a path of two.
struct ItemPath {
  std::string conversation, item;
};
ItemPath PathOf(const HttpRequest& request) {
  const size_t slash = request.tail.find('/');
  return {request.tail.substr(0, slash), request.tail.substr(slash + 1)};
}

}  // namespace

void CreateConversation(Service& service, const HttpRequest& request, HttpReply& reply) {
  const api::ConversationRequest body = api::ParseNewConversation(request.body);
  TellWarnings(body.warnings, request, reply);
  api::IdGenerator ids;
  reply.body = api::ConversationJson(service.responses->AddConversation(
      request.caller.owner, ids.Next("conv_"), body.metadata_json, Complete(body.items, service, request)));
}

void GetConversation(Service& service, const HttpRequest& request, HttpReply& reply) {
  reply.body = api::ConversationJson(RequireConversation(service, request, request.tail));
}

void UpdateConversation(Service& service, const HttpRequest& request, HttpReply& reply) {
  const api::ConversationRequest body = api::ParseConversationUpdate(request.body);
  TellWarnings(body.warnings, request, reply);
  const std::optional<api::Conversation> updated =
      service.responses->UpdateConversation(request.caller.owner, request.tail, body.metadata_json);
  if (!updated) throw api::ConversationNotFound(request.tail);
  reply.body = api::ConversationJson(*updated);
}

void DeleteConversation(Service& service, const HttpRequest& request, HttpReply& reply) {
  if (!service.responses->EraseConversation(request.caller.owner, request.tail))
    throw api::ConversationNotFound(request.tail);
  reply.body = api::DeletedConversationJson(request.tail);
}

void AddConversationItems(Service& service, const HttpRequest& request, HttpReply& reply) {
  const api::ConversationRequest body = api::ParseConversationItems(request.body);
  TellWarnings(body.warnings, request, reply);
  const std::optional<std::vector<api::ResponseItem>> added =
      service.responses->AddItems(request.caller.owner, request.tail, Complete(body.items, service, request));
  if (!added) throw api::ConversationNotFound(request.tail);
  reply.body = api::ItemListJson(*added);
}

void ListConversationItems(Service& service, const HttpRequest& request, HttpReply& reply) {
  const PageWish wish = ReadPageWish(request);
  RequireConversation(service, request, request.tail);
  const std::optional<ItemPage> page = service.responses->ListItems(request.tail, wish);
  if (!page) throw api::InvalidValue("after", "there is no such item.");
  reply.body = api::ItemListJson(page->items, page->has_more);
}

void GetConversationItem(Service& service, const HttpRequest& request, HttpReply& reply) {
  const ItemPath path = PathOf(request);
  RequireConversation(service, request, path.conversation);
  const std::optional<api::ResponseItem> item = service.responses->FindConversationItem(path.conversation, path.item);
  if (!item) throw ItemNotFound(path.item);
  reply.body = api::Dump(api::ItemJson(*item));
}

// Answers with the conversation, as OpenAI does.
void DeleteConversationItem(Service& service, const HttpRequest& request, HttpReply& reply) {
  const ItemPath path = PathOf(request);
  const api::Conversation conversation = RequireConversation(service, request, path.conversation);
  if (!service.responses->EraseConversationItem(path.conversation, path.item)) throw ItemNotFound(path.item);
  reply.body = api::ConversationJson(conversation);
}

}  // namespace puna::server
