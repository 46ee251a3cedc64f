#include "server/store/response_store.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "server/host/log.h"
#include "server/store/open_store.h"
#include "server/store/response_store_access.h"

namespace puna::server {
namespace {

constexpr int64_t kMinute = 60'000'000;  // microseconds
// Ends that are waiting for the disk.
constexpr size_t kMostUnsaved = 64;

}  // namespace

ResponseStore::ResponseStore(StoreOptions options) : options_(std::move(options)) {
  {
    const engine::MutexLock lock(mutex_);
    Open();
  }
  if (!options_.folder.empty() || options_.max_age.count() > 0) upkeep_ = std::thread([this] { Run(); });
}

ResponseStore::~ResponseStore() {
  {
    const engine::MutexLock lock(mutex_);
    ending_ = true;
    wake_.NotifyAll();
  }
  if (upkeep_.joinable()) upkeep_.join();
}

int64_t ResponseStore::Now() const {
  if (options_.clock) return options_.clock();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

size_t ResponseStore::max_responses() const {
  if (options_.max_responses > 0) return options_.max_responses;
  return on_disk_ ? 100'000 : 1024;
}

size_t ResponseStore::max_bytes() const {
  if (options_.max_bytes > 0) return options_.max_bytes;
  return size_t{on_disk_ ? 1024u : 64u} << 20;
}

void ResponseStore::OpenMemory() {
  server_ = std::make_unique<ServerLock>("");
  database_ = OpenInMemory();
  on_disk_ = false;
}

void ResponseStore::Open() {
  if (options_.folder.empty()) return OpenMemory();
  try {
    OpenFolder();
  } catch (const std::exception& error) {
    LogWarning(std::string("responses_path: ") + error.what() + "; responses are kept in memory");
    OpenMemory();
  }
}

void ResponseStore::OpenFolder() {
  for (int attempt = 0;; ++attempt) {
    try {
      database_ = OpenInFolder(options_.folder);
      server_ = std::make_unique<ServerLock>(options_.folder);
      on_disk_ = true;
      EndOrphans(*database_);
      return Expire(*database_);
    } catch (const DatabaseError& error) {
      if (!error.damaged() || attempt > 0) throw;
      database_.reset();
      PutAside(options_.folder, error.what());
    }
  }
}

// A damaged file costs what is in it, and nothing else.
void ResponseStore::Replace(const DatabaseError& error) {
  database_.reset();
  server_.reset();
  if (on_disk_) PutAside(options_.folder, error.what());
  Open();
}

void ResponseStore::Complain(const std::string& text) {
  const int64_t now = Now();
  if (last_complaint_ != 0 && now - last_complaint_ < kMinute) return;
  last_complaint_ = now;
  LogError("stored responses: " + text);
}

size_t ResponseStore::BytesInUse(Database& database) const {
  const int64_t pages = database.Number("PRAGMA page_count") - database.Number("PRAGMA freelist_count");
  return static_cast<size_t>(pages * database.Number("PRAGMA page_size"));
}

size_t ResponseStore::size() {
  return Read([](Database& database) { return static_cast<size_t>(database.Number("SELECT count(*) FROM response")); });
}

size_t ResponseStore::bytes() {
  return Read([this](Database& database) { return BytesInUse(database); });
}

bool ResponseStore::EraseOldest(Database& database) {
  std::string id;
  bool is_response = false;
  {
    Query query(database,
                "SELECT id, 1, used FROM (SELECT id, used FROM response WHERE server = '' ORDER BY used LIMIT 1) "
                "UNION ALL SELECT id, 0, used FROM (SELECT id, used FROM conversation ORDER BY used LIMIT 1) "
                "ORDER BY 3 LIMIT 1");
    if (!query.Next()) return false;
    id = query.Text(0);
    is_response = query.Number(1) == 1;
  }
  unscrubbed_ = true;
  return is_response ? EraseResponse(database, id) : puna::server::EraseConversation(database, id);
}

void ResponseStore::MakeRoom(Database& database) {
  const auto too_many = [&] {
    return static_cast<size_t>(database.Number("SELECT (SELECT count(*) FROM response) + (SELECT count(*) FROM "
                                               "conversation)")) > max_responses();
  };
  while ((too_many() || BytesInUse(database) > max_bytes()) && EraseOldest(database)) continue;
  if (!on_disk_) database.Run("PRAGMA incremental_vacuum");  // what is free in a file, the next one takes
}

void ResponseStore::GiveBack(size_t bytes) {
  if (on_disk_) return;
  Write([&](Database& database) PUNA_REQUIRES(mutex_) {
    const size_t before = BytesInUse(database);
    while (before - std::min(before, BytesInUse(database)) < bytes && EraseOldest(database)) continue;
    database.Run("PRAGMA incremental_vacuum");
  });
}

bool ResponseStore::Begin(const NewResponse& response) {
  bool inserted = false;
  const bool written = Write([&](Database& database) PUNA_REQUIRES(mutex_) {
    inserted = InsertResponse(database, response, server_->name(), Now());
    MakeRoom(database);
  });
  return written && inserted;
}

void ResponseStore::AddEvents(const std::string& id, int64_t part, std::string_view events) {
  if (!on_disk_ || events.empty()) return;
  Write([&](Database& database) { InsertEvents(database, id, part, events); });
}

void ResponseStore::Update(const std::string& id, const std::string& json) {
  if (!on_disk_) return;  // whoever asks this server asks what runs
  Write([&](Database& database) { UpdateResponse(database, id, json); });
}

void ResponseStore::End(EndedResponse response) {
  const bool written = Write([&](Database& database) PUNA_REQUIRES(mutex_) {
    Finish(database, response);
    MakeRoom(database);
  });
  const engine::MutexLock lock(mutex_);
  if (!written && unsaved_.size() < kMostUnsaved) unsaved_.push_back(std::move(response));
}

void ResponseStore::Finish(Database& database, const EndedResponse& response) {
  if (!response.id.empty()) EndResponse(database, response, server_->name(), Now());
  const std::string& conversation = response.conversation;
  if (conversation.empty() || !puna::server::ReadConversation(database, conversation, 0)) return;
  std::vector<api::ResponseItem> items = response.conversation_items;
  AppendItems(database, conversation, items);
  TouchConversation(database, conversation, Now());
}

void ResponseStore::Drop(const std::string& id) {
  Write([&](Database& database) PUNA_REQUIRES(mutex_) {
    unscrubbed_ = EraseResponse(database, id) || unscrubbed_;
    if (!on_disk_) database.Run("PRAGMA incremental_vacuum");
  });
}

const EndedResponse* ResponseStore::Unsaved(const std::string& id) const {
  const auto found = std::find_if(unsaved_.begin(), unsaved_.end(), [&](const auto& other) { return other.id == id; });
  return found == unsaved_.end() ? nullptr : &*found;
}

std::optional<StoredResponse> ResponseStore::Find(const std::string& owner, const std::string& id) {
  return Read([&](Database& database) PUNA_REQUIRES(mutex_) {
    std::optional<StoredResponse> found = FindResponse(database, owner, id);
    if (!found) return found;
    if (const EndedResponse* ended = Unsaved(id)) found = StoredResponse{ended->json, ended->status, ""};
    try {
      TouchResponse(database, id, Now(), on_disk_ ? kMinute : 0);
    } catch (const DatabaseError& error) {
      if (error.damaged()) throw;  // else it is read all the same
    }
    return found;
  });
}

std::optional<Earlier> ResponseStore::FindEarlier(const std::string& owner, const std::string& id) {
  return Read([&](Database& database) { return puna::server::FindEarlier(database, owner, id); });
}

size_t ResponseStore::EarlierBytes(const std::string& owner, const std::string& id) {
  return Read([&](Database& database) { return puna::server::EarlierBytes(database, owner, id); });
}

std::optional<std::vector<api::ResponseItem>> ResponseStore::FindInput(const std::string& owner,
                                                                       const std::string& id) {
  return Read([&](Database& database) { return puna::server::FindInput(database, owner, id); });
}

std::optional<api::ResponseItem> ResponseStore::FindItem(const std::string& owner, const std::string& id) {
  return Read([&](Database& database) { return FindOutputItem(database, owner, id); });
}

std::optional<std::string> ResponseStore::FindEvents(const std::string& owner, const std::string& id) {
  return Read([&](Database& database) PUNA_REQUIRES(mutex_) {
    std::optional<std::string> events = puna::server::FindEvents(database, owner, id);
    if (const EndedResponse* ended = events ? Unsaved(id) : nullptr) events = ended->events;
    return events;
  });
}

void ResponseStore::AskToCancel(const std::string& owner, const std::string& id) {
  Write([&](Database& database) { puna::server::AskToCancel(database, owner, id); });
}

void ResponseStore::OnCancel(std::function<void(const std::string& id)> call) {
  const engine::MutexLock lock(mutex_);
  on_cancel_ = std::move(call);
}

bool ResponseStore::Erase(const std::string& owner, const std::string& id) {
  bool found = false;
  const bool written = Write([&](Database& database) PUNA_REQUIRES(mutex_) {
    found = FindResponse(database, owner, id).has_value() && EraseResponse(database, id);
    if (!found) return;
    std::erase_if(unsaved_, [&](const EndedResponse& other) { return other.id == id; });
    unscrubbed_ = true;
  });
  if (!written) {
    throw api::ApiError(503, "server_error", "storage_unavailable",
                        "The response cannot be deleted at the moment: the store cannot be written.");
  }
  Read([&](Database& database) PUNA_REQUIRES(mutex_) { Scrub(database); });
  return found;
}

}  // namespace puna::server
