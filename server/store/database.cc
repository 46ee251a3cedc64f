#include "server/store/database.h"

namespace puna::server {
namespace {

// How long to wait for other servers that write to the same file.
constexpr int kBusyMilliseconds = 5000;

}  // namespace

Database::Database(const std::string& path) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  handle_.reset(handle);  // also where it failed
  Check(code);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  const auto count = [](void* self, sqlite3*, const char*, int pages) {
    static_cast<Database*>(self)->log_pages_ = pages;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(handle, count,
                   this);  // in place of checkpoints of the library's own, which come in the middle of an answer
}

void Database::Check(int code) const {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  throw DatabaseError(code, handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code));
}

sqlite3_stmt* Database::Prepared(const char* sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return found->second.get();
  sqlite3_stmt* statement = nullptr;
  Check(sqlite3_prepare_v3(handle_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
  statements_.emplace(sql, statement);
  return statement;
}

void Database::Run(const char* sql) { Check(sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr)); }

int64_t Database::Number(const char* sql, std::string_view argument) {
  if (argument.data() == nullptr) {
    Query query(*this, sql);
    return query.Next() ? query.Number(0) : 0;
  }
  Query query(*this, sql, argument);
  return query.Next() ? query.Number(0) : 0;
}

bool Database::Checkpoint(bool truncate) {
  const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  const int code = sqlite3_wal_checkpoint_v2(handle_.get(), nullptr, mode, nullptr, nullptr);
  if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED) return false;
  Check(code);
  log_pages_ = 0;
  return true;
}

Query::~Query() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool Query::Next() {
  const int code = sqlite3_step(statement_);
  database_.Check(code);
  return code == SQLITE_ROW;
}

void Query::Run() {
  while (Next()) continue;
}

int64_t Query::Number(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Query::Text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return bytes == nullptr ? std::string() : std::string(bytes, sqlite3_column_bytes(statement_, column));
}

void Query::Bind(int64_t value) { database_.Check(sqlite3_bind_int64(statement_, ++bound_, value)); }

void Query::Bind(std::string_view value) {
  const char* bytes = value.data() == nullptr ? "" : value.data();
  database_.Check(sqlite3_bind_text64(statement_, ++bound_, bytes, value.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Query::Bind(Bytes value) {
  const char* bytes = value.bytes.data() == nullptr ? "" : value.bytes.data();
  database_.Check(sqlite3_bind_blob64(statement_, ++bound_, bytes, value.bytes.size(), SQLITE_STATIC));
}

Transaction::Transaction(Database& database) : database_(database) { database_.Run("BEGIN IMMEDIATE"); }

Transaction::~Transaction() {
  if (!open_ || database_.idle())
    return;  // idle: the library has taken it back by itself, as it does when the disk is full
  try {
    database_.Run("ROLLBACK");
  } catch (const DatabaseError&) {
    // Then whatever is asked next says what is wrong.
  }
}

void Transaction::Commit() {
  database_.Run("COMMIT");
  open_ = false;
}

}  // namespace puna::server
