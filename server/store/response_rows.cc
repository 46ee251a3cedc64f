#include "server/store/response_rows.h"

#include <algorithm>

#include "server/store/conversation_rows.h"
#include "server/store/packed_items.h"
#include "server/store/packed_text.h"

namespace puna::server {
namespace {

using Items = std::vector<api::ResponseItem>;

// A text whose checksum is wrong is a page that the disk has changed.
std::string Unpacked(const std::string& packed) {
  std::optional<std::string> text = UnpackText(packed);
  if (!text) throw DatabaseError(SQLITE_CORRUPT, "a text in it is not what was written");
  return *std::move(text);
}

// From the beginning of the conversation up to this turn. None: some of it was deleted.
std::optional<Items> ItemsUpTo(Database& database, int64_t turn) {
  std::vector<Items> parts;
  while (turn != 0) {
    Query query(database, "SELECT parent, input, output, conversation, place FROM turn WHERE id = ?1", turn);
    if (!query.Next()) return std::nullopt;
    turn = query.Number(0);
    parts.push_back(UnpackItems(query.Text(2)));
    parts.push_back(UnpackItems(query.Text(1)));
    const std::string conversation = query.Text(3);
    if (conversation.empty()) continue;
    std::optional<ConversationSoFar> before = ReadConversation(database, conversation, query.Number(4));
    if (!before) return std::nullopt;
    parts.push_back(std::move(before->items));
  }
  Items items;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part)
    items.insert(items.end(), std::make_move_iterator(part->begin()), std::make_move_iterator(part->end()));
  return items;
}

// Of a response that has ended; 0: there is none.
int64_t TurnOf(Database& database, const std::string& owner, const std::string& id) {
  Query query(database, "SELECT turn FROM response WHERE id = ?1 AND owner = ?2 AND server = ''", id, owner);
  return query.Next() ? query.Number(0) : 0;
}

// Turns from this one on towards the beginning, as far as nothing holds them.
void EraseTurns(Database& database, int64_t turn) {
  while (turn != 0) {
    const bool held = Query(database,
                            "SELECT 1 FROM response WHERE turn = ?1 UNION ALL SELECT 1 FROM turn WHERE parent = ?1 "
                            "LIMIT 1",
                            turn)
                          .Next();
    if (held) return;
    int64_t parent = 0;
    {
      Query query(database, "SELECT parent FROM turn WHERE id = ?1", turn);
      if (!query.Next()) return;
      parent = query.Number(0);
    }
    Query(database, "DELETE FROM turn WHERE id = ?1", turn).Run();
    turn = parent;
  }
}

}  // namespace

bool InsertResponse(Database& database, const NewResponse& response, std::string_view server, int64_t now) {
  if (response.after != 0 && !Query(database, "SELECT 1 FROM turn WHERE id = ?1", response.after).Next()) return false;
  const std::string input = PackItems(response.input);
  Query(database,
        "INSERT INTO turn (owner, parent, conversation, place, input, output) VALUES (?1, ?2, ?3, ?4, ?5, x'')",
        response.owner, response.after, response.conversation, response.place, Bytes{input})
      .Run();
  const int64_t turn = database.Number("SELECT last_insert_rowid()");
  const std::string json = PackText(response.json);
  Query(database,
        "INSERT INTO response (id, owner, status, server, created, used, turn, json, events) "
        "VALUES (?1, ?2, 'in_progress', ?3, ?4, ?4, ?5, ?6, x'')",
        response.id, response.owner, server, now, turn, Bytes{json})
      .Run();
  return true;
}

bool EndResponse(Database& database, const EndedResponse& response, std::string_view server, int64_t now) {
  int64_t turn = 0;
  {
    Query query(database, "SELECT turn FROM response WHERE id = ?1 AND server = ?2", response.id, server);
    if (!query.Next()) return false;
    turn = query.Number(0);
  }
  const std::string output = PackItems(response.output);
  Query(database, "UPDATE turn SET output = ?2 WHERE id = ?1", turn, Bytes{output}).Run();
  for (size_t i = 0; i < response.output.size(); ++i) {
    Query(database, "INSERT OR REPLACE INTO item (id, turn, place) VALUES (?1, ?2, ?3)", response.output[i].id, turn,
          static_cast<int64_t>(i))
        .Run();
  }
  const std::string json = PackText(response.json), events = PackText(response.events);
  Query(database, "UPDATE response SET status = ?2, server = '', used = ?3, json = ?4, events = ?5 WHERE id = ?1",
        response.id, response.status, now, Bytes{json}, Bytes{events})
      .Run();
  Query(database, "DELETE FROM event WHERE response = ?1", response.id).Run();
  return true;
}

void UpdateResponse(Database& database, const std::string& id, const std::string& json) {
  const std::string packed = PackText(json);
  Query(database, "UPDATE response SET json = ?2 WHERE id = ?1", id, Bytes{packed}).Run();
}

void InsertEvents(Database& database, const std::string& id, int64_t number, std::string_view text) {
  Query(database, "INSERT INTO event (response, number, text) VALUES (?1, ?2, ?3)", id, number, Bytes{text}).Run();
}

std::optional<StoredResponse> FindResponse(Database& database, const std::string& owner, const std::string& id) {
  Query query(database, "SELECT json, status, server FROM response WHERE id = ?1 AND owner = ?2", id, owner);
  if (!query.Next()) return std::nullopt;
  return StoredResponse{Unpacked(query.Text(0)), query.Text(1), query.Text(2)};
}

void TouchResponse(Database& database, const std::string& id, int64_t now, int64_t grain) {
  {
    Query query(database, "SELECT used FROM response WHERE id = ?1", id);
    if (!query.Next() || now - query.Number(0) < grain) return;
  }
  Query(database, "UPDATE response SET used = ?2 WHERE id = ?1", id, now).Run();
}

std::optional<Earlier> FindEarlier(Database& database, const std::string& owner, const std::string& id) {
  Earlier earlier;
  earlier.turn = TurnOf(database, owner, id);
  if (earlier.turn == 0) return std::nullopt;
  std::optional<Items> items = ItemsUpTo(database, earlier.turn);
  if (!items) return std::nullopt;
  earlier.items = *std::move(items);
  return earlier;
}

size_t EarlierBytes(Database& database, const std::string& owner, const std::string& id) {
  size_t bytes = 0;
  for (int64_t turn = TurnOf(database, owner, id); turn != 0;) {
    Query query(
        database,
        "SELECT parent, substr(input, 1, ?2), substr(output, 1, ?2), conversation, place FROM turn WHERE id = ?1", turn,
        static_cast<int64_t>(kPackedHead));
    if (!query.Next()) return bytes;
    turn = query.Number(0);
    bytes += UnpackedBytes(query.Text(1)) + UnpackedBytes(query.Text(2));
    const std::string conversation = query.Text(3);
    if (!conversation.empty()) bytes += ConversationBytes(database, conversation, query.Number(4));
  }
  return bytes;
}

std::optional<Items> FindInput(Database& database, const std::string& owner, const std::string& id) {
  Query query(database, "SELECT input FROM turn WHERE id = (SELECT turn FROM response WHERE id = ?1 AND owner = ?2)",
              id, owner);
  if (!query.Next()) return std::nullopt;
  return UnpackItems(query.Text(0));
}

std::optional<api::ResponseItem> FindOutputItem(Database& database, const std::string& owner, const std::string& id) {
  Query query(database,
              "SELECT output, item.place FROM item JOIN turn ON turn.id = item.turn WHERE item.id = ?1 AND owner = ?2",
              id, owner);
  if (!query.Next()) return std::nullopt;
  Items items = UnpackItems(query.Text(0));
  const auto place = static_cast<size_t>(query.Number(1));
  if (place >= items.size()) return std::nullopt;
  return std::move(items[place]);
}

std::optional<std::string> FindEvents(Database& database, const std::string& owner, const std::string& id) {
  {
    Query query(database, "SELECT events, server FROM response WHERE id = ?1 AND owner = ?2", id, owner);
    if (!query.Next()) return std::nullopt;
    if (query.Text(1).empty()) return Unpacked(query.Text(0));
  }
  std::string events;
  Query query(database, "SELECT text FROM event WHERE response = ?1 ORDER BY number", id);
  while (query.Next()) events += query.Text(0);
  return events;
}

void AskToCancel(Database& database, const std::string& owner, const std::string& id) {
  Query(database, "UPDATE response SET cancel = 1 WHERE id = ?1 AND owner = ?2 AND server <> ''", id, owner).Run();
}

std::vector<std::string> AskedToCancel(Database& database, std::string_view server) {
  std::vector<std::string> ids;
  Query query(database, "SELECT id FROM response WHERE server = ?1 AND server <> '' AND cancel = 1", server);
  while (query.Next()) ids.push_back(query.Text(0));
  return ids;
}

bool EraseResponse(Database& database, const std::string& id) {
  int64_t turn = 0;
  {
    Query query(database, "SELECT turn FROM response WHERE id = ?1", id);
    if (!query.Next()) return false;
    turn = query.Number(0);
  }
  Query(database, "DELETE FROM response WHERE id = ?1", id).Run();
  Query(database, "DELETE FROM event WHERE response = ?1", id).Run();
  Query(database, "DELETE FROM item WHERE turn = ?1", turn).Run();
  EraseTurns(database, turn);
  return true;
}

}  // namespace puna::server
