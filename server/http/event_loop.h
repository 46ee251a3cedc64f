// One thread that waits for all sockets at once (epoll), for points in time, and for what other threads post to it.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/mutex.h"
#include "server/http/linked_queue.h"

namespace puna::server {

class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;
  class Watcher;
  class Notice {
   public:
    virtual ~Notice() = default;
    virtual void OnNotice() = 0;  // throws nothing

   private:
    friend class LinkedQueue<Notice>;
    std::shared_ptr<Notice> next;
  };

  EventLoop();  // throws std::runtime_error
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;

  // From any thread. Tasks run on the loop's thread, in order; what is posted after the loop has ended is dropped with it.
  void Post(std::function<void()> task);
  // The same for what is told again and again, and takes no memory: a notice waits here once at most.
  void Post(std::shared_ptr<Notice> notice);
  void Stop();  // Run returns at the end of its turn; takes no memory

  // The rest on the loop's thread alone, or before Run.
  void Run();
  // `events` as epoll knows them; level-triggered. The watcher lives until Forget. Throws std::runtime_error or std::bad_alloc;
  // then nothing is watched. What follows takes no memory.
  void Watch(int fd, uint32_t events, Watcher& watcher);
  void Change(int fd, uint32_t events, Watcher& watcher);
  // No more calls, of this turn neither; its timer is cleared.
  void Forget(int fd, Watcher& watcher);
  void SetTimer(Clock::time_point when, Watcher& watcher);  // in place of the one it has
  void ClearTimer(Watcher& watcher);
  // Runs the tasks that have been posted, when nobody will call Run any more.
  void RunPosted();

 private:
  using Timers = std::multimap<Clock::time_point, Watcher*>;

  int MillisecondsToNext() const;
  LinkedQueue<Notice> TakePosted(std::vector<std::function<void()>>& tasks);
  void RunTimers();
  void HandleEvents();

  int epoll_, wake_;
  std::span<epoll_event> turn_;  // events of this turn that are still to be handled
  Timers timers_;
  engine::Mutex mutex_;
  std::vector<std::function<void()>> posted_ PUNA_GUARDED_BY(mutex_);
  LinkedQueue<Notice> notices_ PUNA_GUARDED_BY(mutex_);
  std::atomic<bool> stopped_{false};
};

class EventLoop::Watcher {
 public:
  virtual void OnEvents(uint32_t events) = 0;
  virtual void OnTime() {}

 protected:
  ~Watcher() = default;

 private:
  friend class EventLoop;
  std::optional<Timers::iterator> timer_;
  Timers::node_type spare_;  // for the timer, while there is none
};

}  // namespace puna::server
