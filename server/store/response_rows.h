// Responses and their turns as rows of the store's database. A turn is what one response adds to its conversation; it names
// the turn that it goes on from, and stays for as long as a response or a later turn needs it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/endpoints/responses_items.h"
#include "server/store/database.h"

namespace puna::server {

// A response when it begins.
struct NewResponse {
  std::string id;
  std::string owner;              // whose it is; empty: of all who ask without a key
  std::string json;               // the object
  int64_t after = 0;              // the turn that it goes on from; 0: none
  std::string conversation = {};  // in place of it: the conversation whose items up to this place come first
  int64_t place = 0;
  std::vector<api::ResponseItem> input;
};
// And when it has ended.
struct EndedResponse {
  std::string id;
  std::string status;
  std::string json;
  std::string events;  // all of them, framed
  std::vector<api::ResponseItem> output;
  std::string conversation = {};  // gets these items
  std::vector<api::ResponseItem> conversation_items = {};
};
struct StoredResponse {
  std::string json, status;
  std::string server;  // that makes it; empty: it has ended
};
// What went before.
struct Earlier {
  std::vector<api::ResponseItem> items;
  int64_t turn = 0;   // the last
  int64_t place = 0;  // or, in a conversation, the last item's
};

// All throw DatabaseError, and leave transactions to the caller. `now`: microseconds since 1970.
// False: the turn that it goes on from is gone.
bool InsertResponse(Database& database, const NewResponse& response, std::string_view server, int64_t now);
// False: it is gone, or another server has ended it.
bool EndResponse(Database& database, const EndedResponse& response, std::string_view server, int64_t now);
void UpdateResponse(Database& database, const std::string& id, const std::string& json);
void InsertEvents(Database& database, const std::string& id, int64_t number, std::string_view text);

std::optional<StoredResponse> FindResponse(Database& database, const std::string& owner, const std::string& id);
// When it was last asked for, in microseconds; set only when that is `grain` or more ago.
void TouchResponse(Database& database, const std::string& id, int64_t now, int64_t grain);
std::optional<Earlier> FindEarlier(Database& database, const std::string& owner, const std::string& id);
// Of the items that it would give, as text; 0: it gives none.
size_t EarlierBytes(Database& database, const std::string& owner, const std::string& id);
std::optional<std::vector<api::ResponseItem>> FindInput(Database& database, const std::string& owner,
                                                        const std::string& id);
std::optional<api::ResponseItem> FindOutputItem(Database& database, const std::string& owner, const std::string& id);
// None: of no response, or damaged.
std::optional<std::string> FindEvents(Database& database, const std::string& owner, const std::string& id);

// Leaves word for the server that makes it; the server's own look after what was asked of it.
void AskToCancel(Database& database, const std::string& owner, const std::string& id);
std::vector<std::string> AskedToCancel(Database& database, std::string_view server);

// With the turns that nothing needs any more. False: there is none.
bool EraseResponse(Database& database, const std::string& id);

}  // namespace puna::server
