#include "server/host/patient_output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace puna::server {
namespace {

// The flag that makes writing not block belongs to the open file, which other processes may share; so a pipe or a terminal is
// opened anew.
int OpenAnew(int fd) {
  return open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

}  // namespace

PatientOutput::PatientOutput(int fd, size_t max_kept, std::function<std::string(uint64_t)> tell_dropped)
    : fd_(fd), kind_(Kind::kPolled), max_kept_(max_kept), tell_dropped_(std::move(tell_dropped)) {
  struct stat about {};
  if (fstat(fd, &about) != 0) return;
  if (S_ISSOCK(about.st_mode)) kind_ = Kind::kSocket;
  const bool may_stand_still = S_ISFIFO(about.st_mode) || isatty(fd) == 1;
  if (may_stand_still && (own_fd_ = OpenAnew(fd)) >= 0) kind_ = Kind::kNonBlocking;
  if (isatty(fd) == 1) polled_bytes_ = 1;  // a terminal that is ready has room for little
}

PatientOutput::~PatientOutput() {
  Flush(0);
  if (own_fd_ >= 0) close(own_fd_);
}

uint64_t PatientOutput::dropped() const {
  const engine::MutexLock lock(mutex_);
  return dropped_;
}

void PatientOutput::Write(std::string_view line) {
  const engine::MutexLock lock(mutex_);
  WriteKept();
  if (kept_.size() + line.size() > max_kept_) {
    ++dropped_;
    ++untold_;
    return;
  }
  kept_ += line;
  WriteKept();
}

void PatientOutput::WriteKept() {
  while (!kept_.empty() && WriteSome()) {
  }
  if (!kept_.empty() || untold_ == 0) return;
  kept_ = tell_dropped_(untold_);
  untold_ = 0;
  while (!kept_.empty() && WriteSome()) {
  }
}

// False: nothing can be written now. What an output that is broken (a full disk, a reader that is gone) does not take is lost.
bool PatientOutput::WriteSome() {
  ssize_t count;
  if (kind_ == Kind::kNonBlocking) {
    count = write(own_fd_, kept_.data(), kept_.size());
  } else if (kind_ == Kind::kSocket) {
    count = send(fd_, kept_.data(), kept_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } else {
    pollfd ready{fd_, POLLOUT, 0};
    if (poll(&ready, 1, 0) == 0) return false;
    count = write(fd_, kept_.data(), std::min(kept_.size(), polled_bytes_));
  }
  if (count < 0 && errno == EINTR) return true;
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  if (count < 0) {
    const auto lost = static_cast<uint64_t>(std::count(kept_.begin(), kept_.end(), '\n'));
    dropped_ += lost;
    untold_ += lost;
  }
  kept_.erase(0, count < 0 ? kept_.size() : static_cast<size_t>(count));
  return count >= 0;
}

void PatientOutput::Flush(int patience_ms) {
  const engine::MutexLock lock(mutex_);
  WriteKept();
  while (!kept_.empty() && patience_ms > 0) {
    constexpr int kStepMs = 20;
    pollfd ready{own_fd_ >= 0 ? own_fd_ : fd_, POLLOUT, 0};
    if (poll(&ready, 1, kStepMs) == 0) patience_ms -= kStepMs;
    WriteKept();
  }
}

}  // namespace puna::server
