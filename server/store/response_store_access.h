// How the files of response_store.h reach the database: one at a time, and with an answer to each of its faults.
#pragma once

#include <string>

#include "api/json/error.h"
#include "server/store/response_store.h"

namespace puna::server {

// Throws api::ApiError when the file cannot be read.
template <typename Action>
auto ResponseStore::Read(Action action) {
  const engine::MutexLock lock(mutex_);
  for (int attempt = 0;; ++attempt) {
    try {
      return action(*database_);
    } catch (const DatabaseError& error) {
      if (error.damaged() && attempt == 0) {
        Replace(error);
        continue;
      }
      Complain(std::string("they cannot be read: ") + error.what());
      throw api::ApiError(503, "server_error", "storage_unavailable",
                          std::string("What is stored cannot be read at the moment: ") + error.what() + ".");
    }
  }
}

// All or nothing; false: nothing.
template <typename Action>
bool ResponseStore::Write(Action action) {
  const engine::MutexLock lock(mutex_);
  for (int attempt = 0;; ++attempt) {
    try {
      Transaction transaction(*database_);
      action(*database_);
      transaction.Commit();
      held_ = on_disk_ ? 0 : BytesInUse(*database_);
      return true;
    } catch (const DatabaseError& error) {
      if (error.damaged() && attempt == 0) {
        Replace(error);
        continue;
      }
      Complain(std::string("nothing can be written") + (error.full() ? ", since the disk is full" : "") + ": " +
               error.what());
      return false;
    }
  }
}

}  // namespace puna::server
