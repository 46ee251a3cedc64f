#include "server/host/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace puna::server {
namespace {

// While it starts: for so long from now on.
constexpr std::chrono::seconds kExtension{120};
constexpr std::chrono::seconds kExtendEvery{30};

int64_t MonotonicMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

int64_t Number(const char* text) { return text == nullptr ? 0 : std::strtoll(text, nullptr, 10); }

// Lines are what divides the protocol's variables.
std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

ServiceManager::ServiceManager(const std::function<const char*(const char*)>& get) {
  const char* socket = get("NOTIFY_SOCKET");
  if (socket == nullptr || (socket[0] != '/' && socket[0] != '@')) return;
  socket_ = socket;
  fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int64_t microseconds = Number(get("WATCHDOG_USEC")), pid = Number(get("WATCHDOG_PID"));
  if (microseconds > 0 && (pid == 0 || pid == getpid())) watchdog_ = std::chrono::microseconds(microseconds);
}

ServiceManager::~ServiceManager() {
  if (fd_ >= 0) close(fd_);
}

void ServiceManager::Send(const std::string& state) {
  sockaddr_un address{};
  if (fd_ < 0 || socket_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (socket_[0] == '@') address.sun_path[0] = '\0';  // a name in no file system
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  sendto(fd_, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
}

// Sent with the mutex held: what one thread has to say does not overtake what another one says.
void ServiceManager::Say(const std::string& state, const std::string& status) {
  status_ = OneLine(status);
  Send(state + "STATUS=" + status_);
}

void ServiceManager::Starting(const std::string& status) {
  const engine::MutexLock lock(mutex_);
  if (starting_ && status != status_) Say("", status);
}

void ServiceManager::Ready(const std::string& status) {
  const engine::MutexLock lock(mutex_);
  starting_ = false;
  Say("READY=1\n", status);
}

void ServiceManager::Reloading() {
  const engine::MutexLock lock(mutex_);
  Say("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(MonotonicMicroseconds()) + "\n",
      "reading keys and certificates again");
}

void ServiceManager::Stopping(const std::string& status) {
  const engine::MutexLock lock(mutex_);
  starting_ = false;
  Say("STOPPING=1\n", status);
}

void ServiceManager::Trouble(const std::string& what) {
  const engine::MutexLock lock(mutex_);
  if (what == trouble_) return;
  trouble_ = what;
  Send("STATUS=" + (what.empty() ? status_ : OneLine(what)));
}

void ServiceManager::Alive() {
  const engine::MutexLock lock(mutex_);
  if (socket_.empty() || (!watchdog_ && !starting_)) return;
  const auto now = Clock::now();
  Clock::duration every = kExtendEvery;
  if (watchdog_) every = starting_ ? std::min<Clock::duration>(*watchdog_ / 2, kExtendEvery) : *watchdog_ / 2;
  if (last_alive_ && now - *last_alive_ < every) return;
  last_alive_ = now;
  std::string state = watchdog_ ? "WATCHDOG=1" : "";
  if (starting_) {
    const int64_t microseconds = std::chrono::microseconds(kExtension).count();
    state += (state.empty() ? "" : "\n") + ("EXTEND_TIMEOUT_USEC=" + std::to_string(microseconds));
  }
  Send(state);
}

}  // namespace puna::server
