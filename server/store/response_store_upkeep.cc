// What the store does beside its requests: the part of response_store.h that comes each second.
#include <sys/stat.h>

#include <exception>
#include <memory>
#include <new>

#include "api/endpoints/responses_builder.h"
#include "server/host/log.h"
#include "server/store/open_store.h"
#include "server/store/response_store.h"

namespace puna::server {
namespace {

constexpr int64_t kBetweenLooks = 10'000'000;  // microseconds
// Of the log of writes, in pages: the library's own measure of when it is time.
constexpr int kLongLog = 1000;
// Free pages that are given back at once, so that nobody waits long.
constexpr const char* kGiveBack = "PRAGMA incremental_vacuum(2000)";

struct Orphan {
  std::string id, server;
};

std::vector<Orphan> RunningElsewhere(Database& database, const std::string& here) {
  std::vector<Orphan> found;
  Query query(database, "SELECT id, server FROM response WHERE server <> '' AND server <> ?1", here);
  while (query.Next()) found.push_back({query.Text(0), query.Text(1)});
  return found;
}

std::optional<std::string> OwnerOf(Database& database, const Orphan& orphan) {
  Query query(database, "SELECT owner FROM response WHERE id = ?1 AND server = ?2", orphan.id, orphan.server);
  if (!query.Next()) return std::nullopt;
  return query.Text(0);
}

// As it stood when its server died.
EndedResponse Interrupted(const std::string& id, const std::string& begun, std::string events) {
  api::IdGenerator ids;
  api::ResponseBuilder builder(begun, events, ids);
  events += builder.Interrupt("server_restarted");
  return {id, "incomplete", builder.Json(), std::move(events), builder.output()};
}

}  // namespace

void ResponseStore::EndOrphan(Database& database, const std::string& id, const std::string& server) {
  Transaction transaction(database);
  const std::optional<std::string> owner = OwnerOf(database, {id, server});
  if (!owner) return;  // another server was faster
  const std::optional<StoredResponse> stored = FindResponse(database, *owner, id);
  const std::optional<std::string> events = puna::server::FindEvents(database, *owner, id);
  if (!stored || !events) return;
  try {
    EndResponse(database, Interrupted(id, stored->json, *events), server, Now());
  } catch (const DatabaseError&) {
    throw;
  } catch (const std::exception& error) {
    // No bytes that we wrote: nothing can be told of it.
    LogError("stored responses: " + id + ", which a server left unfinished, cannot be read: " + error.what());
    EraseResponse(database, id);
  }
  transaction.Commit();
}

void ResponseStore::EndOrphans(Database& database) {
  for (const Orphan& orphan : RunningElsewhere(database, server_->name())) {
    if (!server_->Lives(orphan.server)) EndOrphan(database, orphan.id, orphan.server);
  }
}

void ResponseStore::Expire(Database& database) {
  if (options_.max_age.count() == 0) return;
  const int64_t oldest = Now() - std::chrono::microseconds(options_.max_age).count();
  const auto ids = [&](const char* sql) {
    std::vector<std::string> found;
    Query query(database, sql, oldest);
    while (query.Next()) found.push_back(query.Text(0));
    return found;
  };
  const std::vector<std::string> responses = ids("SELECT id FROM response WHERE created < ?1 AND server = ''");
  const std::vector<std::string> conversations = ids("SELECT id FROM conversation WHERE used < ?1");
  if (responses.empty() && conversations.empty()) return;
  Transaction transaction(database);
  for (const std::string& id : responses) EraseResponse(database, id);
  for (const std::string& id : conversations) puna::server::EraseConversation(database, id);
  transaction.Commit();
  unscrubbed_ = true;
}

void ResponseStore::SaveUnsaved(Database& database) {
  while (!unsaved_.empty()) {
    Transaction transaction(database);
    Finish(database, unsaved_.back());
    transaction.Commit();
    unsaved_.pop_back();
  }
}

// What was deleted is overwritten in the file with the next checkpoint, and stands until then in the log of writes.
void ResponseStore::Scrub(Database& database) {
  if (!unscrubbed_) return;
  try {
    database.Run(kGiveBack);
    unscrubbed_ = on_disk_ && !database.Checkpoint(/*truncate=*/true);  // somebody reads: again in a second
  } catch (const DatabaseError& error) {
    if (error.damaged()) throw;
    Complain(error.what());
  }
}

void ResponseStore::KeepUp() {
  const engine::MutexLock lock(mutex_);
  try {
    const int64_t now = Now();
    if (now - last_look_ >= kBetweenLooks) {
      last_look_ = now;
      EndOrphans(*database_);
      Expire(*database_);
    }
    SaveUnsaved(*database_);
    Scrub(*database_);
  } catch (const DatabaseError& error) {
    if (error.damaged()) return Replace(error);
    Complain(error.what());
  }
}

void ResponseStore::PassCancelsOn() {
  std::vector<std::string> ids;
  std::function<void(const std::string&)> call;
  {
    const engine::MutexLock lock(mutex_);
    call = on_cancel_;
    if (!on_disk_ || !call) return;
    try {
      ids = AskedToCancel(*database_, server_->name());
    } catch (const DatabaseError& error) {
      Complain(error.what());
    }
  }
  for (const std::string& id : ids) call(id);
}

void ResponseStore::Run() {
  for (;;) {
    bool long_log = false;
    {
      engine::MutexLock lock(mutex_);
      const auto next = std::chrono::steady_clock::now() + std::chrono::seconds(1);
      while (!ending_ && wake_.WaitUntil(lock, next)) continue;
      if (ending_) return;
      long_log = on_disk_ && database_->log_pages() > kLongLog;
    }
    try {
      KeepUp();
      PassCancelsOn();
      if (!long_log) continue;
      if (!log_taker_) log_taker_ = std::make_unique<Database>(StoreFile(options_.folder));
      log_taker_->Checkpoint(/*truncate=*/false);
    } catch (const DatabaseError&) {
      log_taker_.reset();              // the next write says what is wrong
    } catch (const std::bad_alloc&) {  // all of it is tried again in a second
    }
  }
}

}  // namespace puna::server
