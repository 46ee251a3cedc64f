// Conversations in the store: a part of response_store.h.
#include "server/store/response_store.h"
#include "server/store/response_store_access.h"

namespace puna::server {
namespace {

// What is asked for by name must be kept, or refused.
void Require(bool written) {
  if (written) return;
  throw api::ApiError(503, "server_error", "storage_full",
                      "Nothing can be stored at the moment; the server's log says why.");
}

}  // namespace

api::Conversation ResponseStore::AddConversation(const std::string& owner, const std::string& id,
                                                 const std::string& metadata_json,
                                                 std::vector<api::ResponseItem> items) {
  const api::Conversation conversation{id, Now() / 1'000'000, metadata_json.empty() ? "{}" : metadata_json};
  Require(Write([&](Database& database) PUNA_REQUIRES(mutex_) {
    InsertConversation(database, conversation, owner, Now());
    AppendItems(database, id, items);
    MakeRoom(database);
  }));
  return conversation;
}

std::optional<api::Conversation> ResponseStore::FindConversation(const std::string& owner, const std::string& id) {
  return Read([&](Database& database) { return puna::server::FindConversation(database, owner, id); });
}

std::optional<api::Conversation> ResponseStore::UpdateConversation(const std::string& owner, const std::string& id,
                                                                   const std::string& metadata_json) {
  std::optional<api::Conversation> found;
  Require(Write([&](Database& database) PUNA_REQUIRES(mutex_) {
    found = puna::server::FindConversation(database, owner, id);
    if (!found) return;
    puna::server::UpdateConversation(database, id, metadata_json);
    TouchConversation(database, id, Now());
    found->metadata_json = metadata_json;
  }));
  return found;
}

bool ResponseStore::EraseConversation(const std::string& owner, const std::string& id) {
  bool found = false;
  Require(Write([&](Database& database) PUNA_REQUIRES(mutex_) {
    found = puna::server::FindConversation(database, owner, id).has_value();
    if (!found) return;
    puna::server::EraseConversation(database, id);
    unscrubbed_ = true;
  }));
  Read([&](Database& database) PUNA_REQUIRES(mutex_) { Scrub(database); });
  return found;
}

std::optional<std::vector<api::ResponseItem>> ResponseStore::AddItems(const std::string& owner, const std::string& id,
                                                                      std::vector<api::ResponseItem> items) {
  bool found = false;
  Require(Write([&](Database& database) PUNA_REQUIRES(mutex_) {
    found = puna::server::FindConversation(database, owner, id).has_value();
    if (!found) return;
    AppendItems(database, id, items);
    TouchConversation(database, id, Now());
    MakeRoom(database);
  }));
  if (!found) return std::nullopt;
  return items;
}

std::optional<ConversationSoFar> ResponseStore::ReadConversation(const std::string& owner, const std::string& id) {
  return Read([&](Database& database) -> std::optional<ConversationSoFar> {
    if (!puna::server::FindConversation(database, owner, id)) return std::nullopt;
    return puna::server::ReadConversation(database, id);
  });
}

size_t ResponseStore::ConversationBytes(const std::string& owner, const std::string& id) {
  return Read([&](Database& database) -> size_t {
    if (!puna::server::FindConversation(database, owner, id)) return 0;
    return puna::server::ConversationBytes(database, id);
  });
}

std::optional<ItemPage> ResponseStore::ListItems(const std::string& id, const PageWish& wish) {
  return Read([&](Database& database) { return puna::server::ListItems(database, id, wish); });
}

std::optional<api::ResponseItem> ResponseStore::FindConversationItem(const std::string& conversation,
                                                                     const std::string& id) {
  return Read([&](Database& database) { return puna::server::FindItem(database, conversation, id); });
}

bool ResponseStore::EraseConversationItem(const std::string& conversation, const std::string& id) {
  bool found = false;
  Require(Write([&](Database& database) PUNA_REQUIRES(mutex_) {
    found = EraseItem(database, conversation, id);
    unscrubbed_ = unscrubbed_ || found;
  }));
  Read([&](Database& database) PUNA_REQUIRES(mutex_) { Scrub(database); });
  return found;
}

}  // namespace puna::server
