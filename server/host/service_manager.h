// ServiceManager: what systemd, or whoever speaks its protocol, is told of the process: datagrams to $NOTIFY_SOCKET, as
// sd_notify(3) has them. Where there is none, nothing happens.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "engine/base/mutex.h"

namespace puna::server {

class ServiceManager {
 public:
  // get: as getenv.
  explicit ServiceManager(const std::function<const char*(const char*)>& get);
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;

  // From any thread. `status` is a line for people. What is said goes out in the order in which it was said.
  void Starting(const std::string& status);  // nothing any more once Ready was called
  void Ready(const std::string& status);
  void Reloading();  // until Ready
  void Stopping(const std::string& status);
  // What is the matter, until it is empty: then the status is again what it was before.
  void Trouble(const std::string& what);
  // A sign of life, to be called more often than asked for: sent when half of the time has passed in which one is due. While
  // the process starts, it also says that this may take longer.
  void Alive();

  bool watched() const { return watchdog_.has_value(); }

 private:
  using Clock = std::chrono::steady_clock;
  void Send(const std::string& state);
  void Say(const std::string& state, const std::string& status) PUNA_REQUIRES(mutex_);

  std::string socket_;  // empty: nobody listens
  int fd_ = -1;         // to send with: held, so that a lack of descriptors is no lack of signs of life
  std::optional<std::chrono::microseconds> watchdog_;
  engine::Mutex mutex_;
  bool starting_ PUNA_GUARDED_BY(mutex_) = true;
  std::optional<Clock::time_point> last_alive_ PUNA_GUARDED_BY(mutex_);
  std::string status_ PUNA_GUARDED_BY(mutex_);   // apart from trouble
  std::string trouble_ PUNA_GUARDED_BY(mutex_);  // empty: there is none
};

}  // namespace puna::server
