#include "server/http/connection_guard.h"

#include <poll.h>

#include <array>
#include <cstring>

namespace puna::server {
namespace {

constexpr std::chrono::milliseconds kTick{250};
constexpr std::chrono::seconds kLinger{10}, kReserveLinger{1};
constexpr int kLingerSilenceMs = 1000;

thread_local ConnectionGuard::Connection* current = nullptr;

sockaddr_storage PeerOf(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) peer = {};
  return peer;
}

}  // namespace

ConnectionGuard::Connection::Connection(ConnectionGuard& guard, int socket, bool in_reserve)
    : guard_(guard), socket_(socket), in_reserve_(in_reserve), peer_(PeerOf(socket)) {
  const std::lock_guard lock(guard_.mutex_);
  place_ = guard_.connections_.insert(guard_.connections_.end(), this);
  current = this;
}

ConnectionGuard::Connection::~Connection() {
  current = nullptr;
  const std::lock_guard lock(guard_.mutex_);
  guard_.connections_.erase(place_);
}

void ConnectionGuard::Connection::Linger() {
  ExpectNothing();  // bounded here
  shutdown(socket_, SHUT_WR);
  std::array<char, 1 << 14> unread;
  const Clock::time_point end = Clock::now() + (in_reserve_ ? kReserveLinger : kLinger);
  pollfd incoming{socket_, POLLIN, 0};
  while (Clock::now() < end && poll(&incoming, 1, kLingerSilenceMs) > 0 &&
         recv(socket_, unread.data(), unread.size(), 0) > 0) {
  }
  shutdown(socket_, SHUT_RD);
}

ConnectionGuard::Connection* ConnectionGuard::Connection::Current() { return current; }

ConnectionGuard::ConnectionGuard() : thread_([this] { Watch(); }) {}

ConnectionGuard::~ConnectionGuard() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  end_.notify_all();
  thread_.join();
}

int ConnectionGuard::open() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(connections_.size());
}

void ConnectionGuard::Watch() {
  std::unique_lock lock(mutex_);
  while (!end_.wait_for(lock, kTick, [this] { return ending_; })) CutOverdue();
}

void ConnectionGuard::CutOverdue() {
  const Clock::rep now = Clock::now().time_since_epoch().count();
  for (Connection* connection : connections_) {
    if (connection->deadline_ > now) continue;
    connection->deadline_ = Connection::kNever;
    const sockaddr_storage peer = PeerOf(connection->socket_);
    if (std::memcmp(&peer, &connection->peer_, sizeof peer) != 0) continue;
    shutdown(connection->socket_, SHUT_RDWR);
    if (!connection->in_reserve_) ++cut_;
  }
}

}  // namespace puna::server
