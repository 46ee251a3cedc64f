// Conversations and their items as rows of the store's database.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "api/endpoints/conversations.h"
#include "api/endpoints/responses_items.h"
#include "server/store/database.h"

namespace puna::server {

// What a response in a conversation begins with.
struct ConversationSoFar {
  std::vector<api::ResponseItem> items;
  int64_t last = 0;  // the place of the last of them
};
struct ItemPage {
  std::vector<api::ResponseItem> items;
  bool has_more = false;
};
struct PageWish {
  std::string after;  // the id of an item; empty: from the beginning
  int limit = 20;
  bool ascending = false;
};

// All throw DatabaseError, and leave transactions to the caller. `now`: microseconds since 1970.
void InsertConversation(Database& database, const api::Conversation& conversation, const std::string& owner,
                        int64_t now);
std::optional<api::Conversation> FindConversation(Database& database, const std::string& owner, const std::string& id);
void TouchConversation(Database& database, const std::string& id, int64_t now);
void UpdateConversation(Database& database, const std::string& id, const std::string& metadata_json);
// False: there is none.
bool EraseConversation(Database& database, const std::string& id);

// Behind what is there. An item whose id is there already gets another, which `items` has afterwards.
void AppendItems(Database& database, const std::string& id, std::vector<api::ResponseItem>& items);
// Those up to this place. None: there is no such conversation any more.
std::optional<ConversationSoFar> ReadConversation(Database& database, const std::string& id,
                                                  int64_t until = std::numeric_limits<int64_t>::max());
// Of their text.
size_t ConversationBytes(Database& database, const std::string& id,
                         int64_t until = std::numeric_limits<int64_t>::max());
// A page ends early, and says that there is more, where its items have more than 16 MiB of text.
// None: there is no item with the id that the page is to begin after.
std::optional<ItemPage> ListItems(Database& database, const std::string& id, const PageWish& wish);
std::optional<api::ResponseItem> FindItem(Database& database, const std::string& conversation, const std::string& id);
bool EraseItem(Database& database, const std::string& conversation, const std::string& id);

}  // namespace puna::server
