// FileLock: one process at a time, by flock on a file. It ends with the process that has it, however that ends.
#pragma once

#include <string>

#include "server/hub/http_client.h"

namespace puna::server {

class FileLock {
 public:
  // Waits for whoever has it, and says so. Throws FetchStopped, or std::runtime_error where the file cannot be made. Where the
  // file system has no locks, there is none.
  FileLock(const std::string& path, const FetchWatch& watch);
  ~FileLock();
  FileLock(const FileLock&) = delete;

 private:
  int fd_;
};

// Whether another process has it now.
bool IsLocked(const std::string& path);

}  // namespace puna::server
