// What outlives its request: responses with their events, which GET /v1/responses/{id} and previous_response_id find again,
// and conversations.
// In memory, or in a file that survives the process and that several servers may share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/mutex.h"
#include "server/store/conversation_rows.h"
#include "server/store/database.h"
#include "server/store/response_rows.h"
#include "server/store/server_lock.h"

namespace puna::server {

struct StoreOptions {
  std::string folder = {};          // empty: memory
  size_t max_responses = 0;         // 0: 1024 in memory, 100,000 in a folder
  size_t max_bytes = 0;             // 0: 64 MiB in memory, 1 GiB in a folder
  std::chrono::seconds max_age{0};  // 0: for as long as there is room
  // What the upkeep, which otherwise comes by itself each second, sees as the time. For tests.
  std::function<int64_t()> clock = nullptr;
};

// All from any thread. What the disk refuses shows in the log, once a minute at most. An `owner` finds its own only.
class ResponseStore {
 public:
  // A folder that cannot be used costs a warning, and the store is in memory.
  explicit ResponseStore(StoreOptions options = {});
  ~ResponseStore();
  ResponseStore(const ResponseStore&) = delete;

  bool on_disk() const { return on_disk_; }
  size_t max_responses() const;
  size_t max_bytes() const;
  std::chrono::seconds max_age() const { return options_.max_age; }
  size_t size();
  size_t bytes();                              // in use
  size_t bytes_held() const { return held_; }  // of this process's memory; about none for a file
  // Forgets so many bytes of this process's memory, as a full store does. The same bounds hold afterwards as before.
  void GiveBack(size_t bytes);

  // Forgets others, the least recently used first, until there is room; one that is larger than the whole store is not kept. False:
  // it cannot be written, or what it goes on from is gone, and nothing of it is stored.
  bool Begin(const NewResponse& response);
  // Whole events of one that was begun here, in parts that are numbered from 0. Kept in a file only: in memory they are lost with
  // the process in any case.
  void AddEvents(const std::string& id, int64_t part, std::string_view events);
  // The object of one that goes on.
  void Update(const std::string& id, const std::string& json);
  // When it cannot be written now, it is tried again, and found meanwhile. Without an id: the conversation alone gets its items.
  void End(EndedResponse response);
  // Of one that nobody learned of.
  void Drop(const std::string& id);

  std::optional<StoredResponse> Find(const std::string& owner, const std::string& id);
  std::optional<Earlier> FindEarlier(const std::string& owner, const std::string& id);
  // How much text FindEarlier and ReadConversation would give, for whoever has to find room for it first.
  size_t EarlierBytes(const std::string& owner, const std::string& id);
  size_t ConversationBytes(const std::string& owner, const std::string& id);
  std::optional<std::vector<api::ResponseItem>> FindInput(const std::string& owner, const std::string& id);
  // The output item of a stored response.
  std::optional<api::ResponseItem> FindItem(const std::string& owner, const std::string& id);
  // All there are so far, framed.
  std::optional<std::string> FindEvents(const std::string& owner, const std::string& id);
  // Of one that another server makes: its `call` of OnCancel gets the id within a second or so.
  void AskToCancel(const std::string& owner, const std::string& id);
  // Set before others ask for anything.
  void OnCancel(std::function<void(const std::string& id)> call);
  // False: there was none. What was in it is overwritten, unless a later response goes on from it.
  bool Erase(const std::string& owner, const std::string& id);

  // Conversations. What changes them throws api::ApiError (503) when it cannot be written. None and false: there is none.
  api::Conversation AddConversation(const std::string& owner, const std::string& id, const std::string& metadata_json,
                                    std::vector<api::ResponseItem> items);
  std::optional<api::Conversation> FindConversation(const std::string& owner, const std::string& id);
  std::optional<api::Conversation> UpdateConversation(const std::string& owner, const std::string& id,
                                                      const std::string& metadata_json);
  bool EraseConversation(const std::string& owner, const std::string& id);
  // As they are then: those whose ids were there already have others.
  std::optional<std::vector<api::ResponseItem>> AddItems(const std::string& owner, const std::string& id,
                                                         std::vector<api::ResponseItem> items);
  std::optional<ConversationSoFar> ReadConversation(const std::string& owner, const std::string& id);
  // Of a conversation that was found.
  std::optional<ItemPage> ListItems(const std::string& id, const PageWish& wish);
  std::optional<api::ResponseItem> FindConversationItem(const std::string& conversation, const std::string& id);
  bool EraseConversationItem(const std::string& conversation, const std::string& id);

  // What is done each second: ends what dead servers left, takes the log of writes into the file, forgets what is too old.
  void KeepUp();

 private:
  template <typename Action>
  auto Read(Action action);
  template <typename Action>
  bool Write(Action action);
  void Open() PUNA_REQUIRES(mutex_);
  void OpenFolder() PUNA_REQUIRES(mutex_);
  void OpenMemory() PUNA_REQUIRES(mutex_);
  void Replace(const DatabaseError& error) PUNA_REQUIRES(mutex_);
  void Complain(const std::string& text) PUNA_REQUIRES(mutex_);
  bool EraseOldest(Database& database) PUNA_REQUIRES(mutex_);
  void MakeRoom(Database& database) PUNA_REQUIRES(mutex_);
  void Finish(Database& database, const EndedResponse& response) PUNA_REQUIRES(mutex_);
  void Expire(Database& database) PUNA_REQUIRES(mutex_);
  void EndOrphans(Database& database) PUNA_REQUIRES(mutex_);
  void EndOrphan(Database& database, const std::string& id, const std::string& server) PUNA_REQUIRES(mutex_);
  void SaveUnsaved(Database& database) PUNA_REQUIRES(mutex_);
  void Scrub(Database& database) PUNA_REQUIRES(mutex_);
  const EndedResponse* Unsaved(const std::string& id) const PUNA_REQUIRES(mutex_);
  size_t BytesInUse(Database& database) const;
  int64_t Now() const;
  void PassCancelsOn();
  void Run();

  const StoreOptions options_;
  std::atomic<bool> on_disk_{false};
  std::atomic<size_t> held_{0};  // as of the last write
  engine::Mutex mutex_;
  std::unique_ptr<ServerLock> server_ PUNA_GUARDED_BY(mutex_);
  std::unique_ptr<Database> database_ PUNA_GUARDED_BY(mutex_);
  std::vector<EndedResponse> unsaved_ PUNA_GUARDED_BY(mutex_);
  std::function<void(const std::string&)> on_cancel_ PUNA_GUARDED_BY(mutex_);
  bool unscrubbed_ PUNA_GUARDED_BY(mutex_) =
      false;  // something was deleted whose bytes may still stand in the log of writes
  int64_t last_complaint_ PUNA_GUARDED_BY(mutex_) = 0;
  int64_t last_look_ PUNA_GUARDED_BY(mutex_) = 0;  // at what is too old, and at dead servers
  std::unique_ptr<Database> log_taker_;            // the upkeep's own connection, so that nobody waits for the disk
  engine::Condition wake_;
  bool ending_ PUNA_GUARDED_BY(mutex_) = false;
  std::thread upkeep_;
};

}  // namespace puna::server
