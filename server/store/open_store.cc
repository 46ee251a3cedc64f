#include "server/store/open_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <thread>

#include "server/host/log.h"

namespace puna::server {
namespace {

// "puna" in ASCII, and the version of the tables below. A file of another version is left alone.
constexpr int64_t kApplication = 0x70756e61;
constexpr int64_t kVersion = 1;

// Up to this size a file is read through when it is opened.
constexpr int64_t kQuicklyChecked = int64_t{64} << 20;

// incremental: pages that are free can be given back. It must be said before the first table is made.
constexpr const char* kTables = R"(
PRAGMA auto_vacuum = INCREMENTAL;
BEGIN EXCLUSIVE;
CREATE TABLE turn (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, parent INTEGER NOT NULL, conversation TEXT NOT NULL,
                   place INTEGER NOT NULL, input BLOB NOT NULL, output BLOB NOT NULL);
CREATE INDEX turn_parent ON turn (parent);
CREATE TABLE response (id TEXT PRIMARY KEY, owner TEXT NOT NULL, status TEXT NOT NULL, server TEXT NOT NULL,
                       cancel INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL, used INTEGER NOT NULL,
                       turn INTEGER NOT NULL, json BLOB NOT NULL, events BLOB NOT NULL);
CREATE INDEX response_turn ON response (turn);
CREATE INDEX response_used ON response (used);
CREATE INDEX response_created ON response (created);
CREATE INDEX response_server ON response (server) WHERE server <> '';
CREATE TABLE event (response TEXT NOT NULL, number INTEGER NOT NULL, text BLOB NOT NULL, PRIMARY KEY (response, number));
CREATE TABLE item (id TEXT NOT NULL, turn INTEGER NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (id, turn));
CREATE INDEX item_turn ON item (turn);
CREATE TABLE conversation (id TEXT PRIMARY KEY, owner TEXT NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL,
                           metadata TEXT NOT NULL);
CREATE INDEX conversation_used ON conversation (used);
CREATE TABLE conversation_item (conversation TEXT NOT NULL, place INTEGER NOT NULL, id TEXT NOT NULL, item BLOB NOT NULL,
                                PRIMARY KEY (conversation, place));
CREATE INDEX conversation_item_id ON conversation_item (conversation, id);
PRAGMA application_id = 1886744161;
PRAGMA user_version = 1;
COMMIT;
)";

// secure_delete: what is deleted is overwritten. NORMAL: what was committed outlives the process; a power failure may take the
// last commits, and never the file.
constexpr const char* kManners = R"(
PRAGMA secure_delete = ON;
PRAGMA synchronous = NORMAL;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -4096;
)";

std::string ErrnoText(int error) { return std::generic_category().message(error); }

// The file is there afterwards, and nobody else can read it: SQLite gives its other files the same mode.
void PrepareFile(const std::string& folder, const std::string& path) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path(folder).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    throw StoreUnusable(folder + " cannot be made: " + ErrnoText(errno));
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0) throw StoreUnusable(path + " cannot be opened for writing: " + ErrnoText(errno));
  struct stat info {};
  const bool fine =
      fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && ((info.st_mode & 077) == 0 || fchmod(fd, 0600) == 0);
  close(fd);
  if (!fine) throw StoreUnusable(path + " is no file that can be kept from others");
}

// Throws StoreUnusable for a file that is whole and not ours.
void CheckOrigin(Database& database, const std::string& path) {
  const int64_t application = database.Number("PRAGMA application_id");
  const int64_t version = database.Number("PRAGMA user_version");
  if (application == kApplication && version == kVersion) return;
  if (application == kApplication) {
    throw StoreUnusable(path + " is of version " + std::to_string(version) +
                        " of the store, and this puna has version " + std::to_string(kVersion) +
                        "; it is left as it is: name another folder, or move it away");
  }
  throw StoreUnusable(path + " is a database of another program; name another folder");
}

std::string TablesOf(Database& database) {
  std::string tables;
  Query query(database, "SELECT sql FROM sqlite_schema ORDER BY name");
  while (query.Next()) tables += query.Text(0) + ";";
  return tables;
}

// The text of the tables is not looked through by the library's own check: a changed letter in it is another column.
void CheckTables(Database& database) {
  Database whole(Database::kMemory);
  whole.Run(kTables);
  if (TablesOf(database) != TablesOf(whole))
    throw DatabaseError(SQLITE_CORRUPT, "its tables are not those of its version");
}

// Nobody else may be in the middle of something, and the library does not wait for that by itself.
void LogWrites(Database& database) {
  constexpr int kAttempts = 250;
  for (int attempt = 1;; ++attempt) {
    try {
      return database.Run("PRAGMA journal_mode = WAL");
    } catch (const DatabaseError& error) {
      if (error.damaged() || error.full() || attempt == kAttempts) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
}

std::unique_ptr<Database> Open(const std::string& path) {
  auto database = std::make_unique<Database>(path);
  // The first statement reads the file, and waits for another server that makes its tables.
  if (database->Number("PRAGMA schema_version") == 0 && database->Number("PRAGMA application_id") == 0) {
    try {
      database->Run(kTables);
    } catch (const DatabaseError&) {
      if (!database->idle()) database->Run("ROLLBACK");
      if (database->Number("PRAGMA application_id") != kApplication) throw;  // else another server was faster
    }
  }
  CheckOrigin(*database, path);
  if (path != Database::kMemory) {
    CheckTables(*database);
    LogWrites(*database);
  }
  database->Run(kManners);
  const int64_t bytes = database->Number("PRAGMA page_count") * database->Number("PRAGMA page_size");
  if (path == Database::kMemory || bytes > kQuicklyChecked) return database;
  Query check(*database, "PRAGMA integrity_check(1)");
  if (check.Next() && check.Text(0) != "ok") throw DatabaseError(SQLITE_CORRUPT, check.Text(0));
  return database;
}

}  // namespace

std::string StoreFile(const std::string& folder) { return folder + "/responses.db"; }

void PutAside(const std::string& folder, const std::string& why) {
  const std::string path = StoreFile(folder);
  const std::string aside = path + ".damaged-" + std::to_string(std::time(nullptr));
  const bool moved = std::rename(path.c_str(), aside.c_str()) == 0;
  for (const char* other : {"-wal", "-shm"}) std::rename((path + other).c_str(), (aside + other).c_str());
  LogError("the stored responses in " + path + " are damaged (" + why + "): " +
           (moved ? "the file is now called " + aside + ", and a new one is begun" : "and it cannot be renamed"));
}

std::unique_ptr<Database> OpenInMemory() { return Open(Database::kMemory); }

std::unique_ptr<Database> OpenInFolder(const std::string& folder) {
  const std::string path = StoreFile(folder);
  try {
    PrepareFile(folder, path);
    try {
      return Open(path);
    } catch (const DatabaseError& error) {
      if (!error.damaged()) throw;
      PutAside(folder, error.what());
    }
    PrepareFile(folder, path);
    return Open(path);
  } catch (const DatabaseError& error) {
    throw StoreUnusable(path + " cannot be used: " + error.what());
  }
}

}  // namespace puna::server
