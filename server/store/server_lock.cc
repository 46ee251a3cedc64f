#include "server/store/server_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <system_error>

namespace puna::server {
namespace {

std::string NewName() {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::random_device device;
  std::string name;
  for (int i = 0; i < 16; ++i) name += kDigits[device() % 16];
  return name;
}

}  // namespace

ServerLock::ServerLock(std::string folder) : folder_(std::move(folder)), name_(NewName()) {
  if (folder_.empty()) return;
  fd_ = open(PathOf(name_).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0 || flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (fd_ >= 0) close(fd_);
    throw std::system_error(error, std::generic_category(), PathOf(name_));
  }
}

ServerLock::~ServerLock() {
  if (fd_ < 0) return;
  unlink(PathOf(name_).c_str());
  close(fd_);
}

std::string ServerLock::PathOf(const std::string& name) const { return folder_ + "/server-" + name; }

bool ServerLock::Lives(const std::string& name) const {
  if (name == name_) return true;
  if (folder_.empty() || name.find('/') != name.npos) return false;
  const int fd = open(PathOf(name).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return errno != ENOENT;
  const bool free = flock(fd, LOCK_EX | LOCK_NB) == 0;
  if (free) unlink(PathOf(name).c_str());
  close(fd);
  return !free;
}

}  // namespace puna::server
