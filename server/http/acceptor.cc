#include "server/http/acceptor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace puna::server {
namespace {

constexpr int kPerTurn = 64;
constexpr std::chrono::milliseconds kPause{100};  // until the system may have more of what it lacks

int OpenSpare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

enum class Remedy { kNextTurn, kGoOn, kSpare, kPause, kNone };

// accept(2): a connection's own faults come out of accept, too, and say nothing about the next one.
Remedy RemedyFor(int error) {
  switch (error) {
    case EAGAIN:
      return Remedy::kNextTurn;
    case EMFILE:
    case ENFILE:
      return Remedy::kSpare;
    case ENOBUFS:
    case ENOMEM:
      return Remedy::kPause;
    case EBADF:
    case EFAULT:
    case EINVAL:
    case ENOTSOCK:
      return Remedy::kNone;
    default:
      return Remedy::kGoOn;
  }
}

}  // namespace

void SayLast(int socket, std::string_view text) {
  std::array<char, 4096> unread;
  if (!text.empty()) send(socket, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  shutdown(socket, SHUT_WR);
  while (recv(socket, unread.data(), unread.size(), MSG_DONTWAIT) > 0) {
  }
}

Acceptor::Acceptor(EventLoop& loop, int socket, std::string refusal, Calls calls)
    : loop_(loop), socket_(socket), spare_(OpenSpare()), refusal_(std::move(refusal)), calls_(std::move(calls)) {}

Acceptor::~Acceptor() {
  if (socket_ >= 0) close(socket_);
  if (spare_ >= 0) close(spare_);
}

void Acceptor::Begin() { loop_.Watch(socket_, EPOLLIN, *this); }

void Acceptor::Close() {
  if (closed()) return;
  loop_.Forget(socket_, *this);
  close(std::exchange(socket_, -1));
}

void Acceptor::OnEvents(uint32_t) {
  for (int i = 0; i < kPerTurn && !closed(); ++i) {
    const int fd = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      calls_.take(fd);
      continue;
    }
    const int error = errno;
    const Remedy remedy = RemedyFor(error);
    if (remedy == Remedy::kNextTurn) return;
    if (error != EINTR) (remedy == Remedy::kNone ? calls_.ended : calls_.refused)(error);
    if (remedy == Remedy::kNone) return Close();
    if (remedy == Remedy::kSpare) RefuseOne();
    if (remedy == Remedy::kPause) return Pause();
  }
}

void Acceptor::AcceptWaiting() {
  int fd;
  while (!closed() && (fd = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) calls_.take(fd);
}

void Acceptor::Pause() {
  loop_.Change(socket_, 0, *this);
  loop_.SetTimer(EventLoop::Clock::now() + kPause, *this);
}

void Acceptor::OnTime() {
  if (spare_ < 0) spare_ = OpenSpare();
  loop_.Change(socket_, EPOLLIN, *this);
}

// Tells one client that there is no place, with the descriptor that was kept for it; the others wait.
void Acceptor::RefuseOne() {
  if (spare_ < 0) return Pause();
  close(spare_);
  const int fd = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) {
    SayLast(fd, refusal_);
    close(fd);
  }
  spare_ = OpenSpare();
  if (fd < 0) Pause();
}

}  // namespace puna::server
