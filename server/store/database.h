// SQLite as the store needs it: a connection, statements that are prepared once, transactions.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sqlite3.h>

namespace puna::server {

// What the library says. what() is one line.
class DatabaseError : public std::runtime_error {
 public:
  DatabaseError(int code, const std::string& text) : std::runtime_error(text), code_(code & 0xff) {}
  bool full() const { return code_ == SQLITE_FULL; }
  bool damaged() const { return code_ == SQLITE_CORRUPT || code_ == SQLITE_NOTADB; }

 private:
  int code_;
};

// Used by one thread at a time.
class Database {
 public:
  static constexpr const char* kMemory = ":memory:";

  // A file that is there already, or kMemory. Throws DatabaseError.
  explicit Database(const std::string& path);

  void Run(const char* sql);  // statements that give nothing
  int64_t Number(const char* sql,
                 std::string_view argument = {});  // the first column of the first row; 0: there is none

  bool idle() const { return sqlite3_get_autocommit(handle_.get()) != 0; }  // no transaction is open
  // How many pages the log of writes held after the last commit; 0 after it was taken into the file.
  int log_pages() const { return log_pages_; }
  // Takes the log of writes into the file. `truncate`: and makes it empty, so that nothing of what was deleted is left in it.
  // False: another connection reads what it would take away.
  bool Checkpoint(bool truncate);

 private:
  friend class Query;
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  sqlite3_stmt* Prepared(const char* sql);
  void Check(int code) const;

  std::unique_ptr<sqlite3, Close> handle_;
  std::unordered_map<std::string_view, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
  int log_pages_ = 0;
};

// Bytes that are no text.
struct Bytes {
  std::string_view bytes;
};

// One run of a statement. Its text must be a literal: it is the key of what was prepared.
class Query {
 public:
  template <typename... Values>
  Query(Database& database, const char* sql, const Values&... values)
      : database_(database), statement_(database.Prepared(sql)) {
    (Bind(values), ...);
  }
  ~Query();
  Query(const Query&) = delete;

  bool Next();  // false: no further row
  void Run();   // to its end
  int64_t Number(int column) const;
  std::string Text(int column) const;  // or bytes

 private:
  void Bind(int64_t value);
  void Bind(int value) { Bind(int64_t{value}); }
  void Bind(std::string_view value);  // must live as long as the query
  void Bind(const std::string& value) { Bind(std::string_view(value)); }
  void Bind(const char* value) { Bind(std::string_view(value)); }
  void Bind(Bytes value);  // likewise

  Database& database_;
  sqlite3_stmt* statement_;
  int bound_ = 0;
};

// All or nothing. Taken back unless Commit was called.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  void Commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace puna::server
