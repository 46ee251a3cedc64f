#include "api/endpoints/conversations.h"

#include <nlohmann/json.hpp>

#include "api/fields/metadata.h"
#include "api/fields/request_fields.h"
#include "api/fields/response_parts.h"
#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/request_body.h"

namespace puna::api {
namespace {

constexpr size_t kMostItems = 20;

std::vector<ResponseItem> ItemsOf(const Json& value, Warnings& warnings) {
  if (!value.is_array()) throw InvalidType("items", "an array of items", TypeName(value));
  if (value.size() > kMostItems)
    throw InvalidValue("items", "at most 20 items can be added at once.", "array_above_max_length");
  std::vector<ResponseItem> items = ReadItems(value, "items", warnings);
  for (const ResponseItem& item : items) {
    if (item.kind == ResponseItem::Kind::kCompactionTrigger)
      throw InvalidValue("items", "a compaction_trigger is nothing to keep.", "unsupported_value");
  }
  return items;
}

}  // namespace

ConversationRequest ParseNewConversation(std::string_view bytes) {
  const RequestBody request_body(bytes.empty() ? "{}" : bytes);
  ObjectReader body(request_body.json(), "");
  ConversationRequest request;
  CheckFields(kConversations, body, request.warnings);
  if (const Json* items = body.Find("items")) request.items = ItemsOf(*items, request.warnings);
  request.metadata_json = ReadMetadata(body, request_body.places());
  return request;
}

ConversationRequest ParseConversationUpdate(std::string_view bytes) {
  const RequestBody request_body(bytes);
  ObjectReader body(request_body.json(), "");
  ConversationRequest request;
  body.Require("metadata");
  request.metadata_json = ReadMetadata(body, request_body.places());
  WarnUnread(body, request.warnings);
  return request;
}

ConversationRequest ParseConversationItems(std::string_view bytes) {
  const RequestBody request_body(bytes);
  ObjectReader body(request_body.json(), "");
  ConversationRequest request;
  request.items = ItemsOf(body.Require("items"), request.warnings);
  WarnUnread(body, request.warnings);
  return request;
}

std::string ConversationJson(const Conversation& conversation) {
  Json json;
  json["id"] = conversation.id;
  json["object"] = "conversation";
  json["created_at"] = conversation.created_at;
  json["metadata"] = Json::parse(conversation.metadata_json);
  return Dump(json);
}

std::string DeletedConversationJson(const std::string& id) {
  Json json;
  json["id"] = id;
  json["object"] = "conversation.deleted";
  json["deleted"] = true;
  return Dump(json);
}

}  // namespace puna::api
