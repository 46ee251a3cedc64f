#include "server/hub/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace puna::server {

FileLock::FileLock(const std::string& path, const FetchWatch& watch)
    : fd_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  constexpr int kPause = 200;  // milliseconds
  if (fd_ < 0) {
    throw std::runtime_error(path + ": cannot be made (" + std::strerror(errno) +
                             "); models are kept there: check its permissions, or set HF_HUB_CACHE to another folder");
  }
  bool told = false;
  while (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return;  // no locks here: work may be done twice, and stays right
    if (!told) watch.say("another process fetches the same file; waiting for it");
    told = true;
    try {
      Wait(kPause, watch);
    } catch (const FetchStopped&) {
      close(fd_);
      throw;
    }
  }
}

FileLock::~FileLock() { close(fd_); }

bool IsLocked(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  const bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(fd);
  return locked;
}

}  // namespace puna::server
