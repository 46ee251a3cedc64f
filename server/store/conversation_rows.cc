#include "server/store/conversation_rows.h"

#include "api/fields/id_generator.h"
#include "server/store/packed_items.h"
#include "server/store/packed_text.h"

namespace puna::server {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr size_t kMaxPageBytes = 16 << 20;

std::optional<int64_t> PlaceOf(Database& database, const std::string& conversation, const std::string& id) {
  Query query(database, "SELECT place FROM conversation_item WHERE conversation = ?1 AND id = ?2", conversation, id);
  if (!query.Next()) return std::nullopt;
  return query.Number(0);
}

// The kind of an item shows in its id: msg_..., fc_....
std::string PrefixOf(const std::string& id) {
  const size_t end = id.find('_');
  return end == id.npos ? "item_" : id.substr(0, end + 1);
}

}  // namespace

void InsertConversation(Database& database, const api::Conversation& conversation, const std::string& owner,
                        int64_t now) {
  Query(database, "INSERT INTO conversation (id, owner, created, used, metadata) VALUES (?1, ?2, ?3, ?3, ?4)",
        conversation.id, owner, now, conversation.metadata_json)
      .Run();
}

std::optional<api::Conversation> FindConversation(Database& database, const std::string& owner, const std::string& id) {
  Query query(database, "SELECT created, metadata FROM conversation WHERE id = ?1 AND owner = ?2", id, owner);
  if (!query.Next()) return std::nullopt;
  return api::Conversation{id, query.Number(0) / kSecond, query.Text(1)};
}

void TouchConversation(Database& database, const std::string& id, int64_t now) {
  Query(database, "UPDATE conversation SET used = ?2 WHERE id = ?1", id, now).Run();
}

void UpdateConversation(Database& database, const std::string& id, const std::string& metadata_json) {
  Query(database, "UPDATE conversation SET metadata = ?2 WHERE id = ?1", id, metadata_json).Run();
}

bool EraseConversation(Database& database, const std::string& id) {
  const bool found = Query(database, "SELECT 1 FROM conversation WHERE id = ?1", id).Next();
  Query(database, "DELETE FROM conversation_item WHERE conversation = ?1", id).Run();
  Query(database, "DELETE FROM conversation WHERE id = ?1", id).Run();
  return found;
}

void AppendItems(Database& database, const std::string& id, std::vector<api::ResponseItem>& items) {
  api::IdGenerator ids;
  for (api::ResponseItem& item : items) {
    while (PlaceOf(database, id, item.id)) item.id = ids.Next(PrefixOf(item.id));
    const std::string packed = PackItems({item});
    Query(database,
          "INSERT INTO conversation_item (conversation, place, id, item) VALUES (?1, "
          "(SELECT coalesce(max(place), 0) + 1 FROM conversation_item WHERE conversation = ?1), ?2, ?3)",
          id, item.id, Bytes{packed})
        .Run();
  }
}

std::optional<ConversationSoFar> ReadConversation(Database& database, const std::string& id, int64_t until) {
  if (!Query(database, "SELECT 1 FROM conversation WHERE id = ?1", id).Next()) return std::nullopt;
  ConversationSoFar found;
  Query query(database,
              "SELECT place, item FROM conversation_item WHERE conversation = ?1 AND place <= ?2 ORDER BY place", id,
              until);
  while (query.Next()) {
    found.last = query.Number(0);
    for (api::ResponseItem& item : UnpackItems(query.Text(1))) found.items.push_back(std::move(item));
  }
  return found;
}

size_t ConversationBytes(Database& database, const std::string& id, int64_t until) {
  size_t bytes = 0;
  Query query(database, "SELECT substr(item, 1, ?3) FROM conversation_item WHERE conversation = ?1 AND place <= ?2", id,
              until, static_cast<int64_t>(kPackedHead));
  while (query.Next()) bytes += UnpackedBytes(query.Text(0));
  return bytes;
}

std::optional<ItemPage> ListItems(Database& database, const std::string& id, const PageWish& wish) {
  int64_t after = wish.ascending ? 0 : std::numeric_limits<int64_t>::max();
  if (!wish.after.empty()) {
    const std::optional<int64_t> place = PlaceOf(database, id, wish.after);
    if (!place) return std::nullopt;
    after = *place;
  }
  ItemPage page;
  Query query(database,
              wish.ascending ? "SELECT item FROM conversation_item WHERE conversation = ?1 AND place > ?2 "
                               "ORDER BY place LIMIT ?3"
                             : "SELECT item FROM conversation_item WHERE conversation = ?1 AND place < ?2 "
                               "ORDER BY place DESC LIMIT ?3",
              id, after, wish.limit + 1);
  size_t bytes = 0;
  while (query.Next()) {
    const std::string packed = query.Text(0);
    bytes += UnpackedBytes(packed);
    page.has_more =
        page.items.size() == static_cast<size_t>(wish.limit) || (bytes > kMaxPageBytes && !page.items.empty());
    if (page.has_more) break;
    for (api::ResponseItem& item : UnpackItems(packed)) page.items.push_back(std::move(item));
  }
  return page;
}

std::optional<api::ResponseItem> FindItem(Database& database, const std::string& conversation, const std::string& id) {
  Query query(database, "SELECT item FROM conversation_item WHERE conversation = ?1 AND id = ?2", conversation, id);
  if (!query.Next()) return std::nullopt;
  return UnpackItems(query.Text(0)).at(0);
}

bool EraseItem(Database& database, const std::string& conversation, const std::string& id) {
  if (!PlaceOf(database, conversation, id)) return false;
  Query(database, "DELETE FROM conversation_item WHERE conversation = ?1 AND id = ?2", conversation, id).Run();
  return true;
}

}  // namespace puna::server
