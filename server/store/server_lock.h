// By which servers that share a store know of each other whether they live: each holds a lock on a file of its own for as long as
// it runs, and the kernel lets go of it whatever ends the process.
#pragma once

#include <string>

namespace puna::server {

class ServerLock {
 public:
  // Makes a file in `folder` and locks it. `folder` empty: there are no others. Throws std::system_error.
  explicit ServerLock(std::string folder);
  ~ServerLock();
  ServerLock(const ServerLock&) = delete;

  const std::string& name() const { return name_; }  // of this server, in the store
  // Whether the server of this name runs. Takes its file away when it does not.
  bool Lives(const std::string& name) const;

 private:
  std::string PathOf(const std::string& name) const;

  const std::string folder_;
  std::string name_;
  int fd_ = -1;
};

}  // namespace puna::server
