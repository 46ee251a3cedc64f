// Bounds how long a client may take over what it owes: a request's head, the end of its silence,
// the reading of an answer. Every byte restarts the socket's own timeouts, so that a client that
// sends or takes one now and then would hold a thread for hours; this cuts the whole.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <thread>

namespace puna::server {

// A body may take so long, and as much longer as the slowest of lines would need.
inline constexpr std::chrono::seconds kBodyTime{30};
inline constexpr double kSlowestBytesPerSecond = 16 << 10;

class ConnectionGuard {
 public:
  using Clock = std::chrono::steady_clock;

  ConnectionGuard();
  ~ConnectionGuard();  // no Connection is left

  // A connection while a thread of ours serves it; lives on that thread.
  class Connection {
   public:
    Connection(ConnectionGuard& guard, int socket, bool in_reserve);
    ~Connection();
    Connection(const Connection&) = delete;

    // That of this thread; null outside.
    static Connection* Current();

    // The client owes something until then; afterwards both directions are shut, and whatever waits
    // for it fails.
    void Expect(Clock::duration within) { deadline_ = (Clock::now() + within).time_since_epoch().count(); }
    void ExpectNothing() { deadline_ = kNever; }
    // It is not known where the request that is being answered ends: no other may follow it.
    void EndAfterReply() { ends_ = true; }
    bool ends() const { return ends_; }
    // Ends it so that a client that is still sending comes to read the reply: a socket closed with
    // bytes unread resets the connection, and the reply is lost. Takes at most some seconds.
    void Linger();

    // Served only because it may be a probe: all other threads are busy.
    bool in_reserve() const { return in_reserve_; }

   private:
    friend class ConnectionGuard;
    static constexpr Clock::rep kNever = Clock::duration::max().count();

    ConnectionGuard& guard_;
    const int socket_;
    const bool in_reserve_;
    bool ends_ = false;
    sockaddr_storage peer_{};  // the number of a socket may belong to another by the time it is shut
    std::atomic<Clock::rep> deadline_{kNever};
    std::list<Connection*>::iterator place_;
  };

  int open() const;
  uint64_t cut() const { return cut_; }  // connections whose time was up

 private:
  void Watch();
  void CutOverdue();

  mutable std::mutex mutex_;
  std::condition_variable end_;
  bool ending_ = false;
  std::list<Connection*> connections_;
  std::atomic<uint64_t> cut_{0};
  std::thread thread_;
};

}  // namespace puna::server
