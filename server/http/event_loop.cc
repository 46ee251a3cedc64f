#include "server/http/event_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace puna::server {
namespace {

constexpr size_t kEventsPerTurn = 128;

std::runtime_error Failure(const std::string& what) {
  return std::runtime_error("cannot wait for connections: " + what + ": " + std::strerror(errno));
}

}  // namespace

EventLoop::EventLoop() : epoll_(epoll_create1(EPOLL_CLOEXEC)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (epoll_ < 0 || wake_ < 0) throw Failure("epoll");
  epoll_event event{EPOLLIN, {}};  // no watcher: the wake-up itself
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) throw Failure("eventfd");
}

EventLoop::~EventLoop() {
  close(epoll_);
  close(wake_);
}

void EventLoop::Post(std::function<void()> task) {
  bool first;
  {
    const engine::MutexLock lock(mutex_);
    first = posted_.empty() && notices_.empty();
    posted_.push_back(std::move(task));
  }
  if (first) eventfd_write(wake_, 1);
}

void EventLoop::Post(std::shared_ptr<Notice> notice) {
  bool first;
  {
    const engine::MutexLock lock(mutex_);
    first = posted_.empty() && notices_.empty();
    notices_.Push(std::move(notice));
  }
  if (first) eventfd_write(wake_, 1);
}

void EventLoop::Stop() {
  stopped_ = true;
  eventfd_write(wake_, 1);
}

void EventLoop::Run() {
  std::array<epoll_event, kEventsPerTurn> events;
  while (!stopped_) {
    const int count = epoll_wait(epoll_, events.data(), events.size(), MillisecondsToNext());
    if (count < 0 && errno != EINTR) throw Failure("epoll_wait");
    turn_ = std::span(events.data(), static_cast<size_t>(std::max(0, count)));
    HandleEvents();
    RunTimers();
    RunPosted();
  }
}

void EventLoop::HandleEvents() {
  while (!turn_.empty()) {
    const epoll_event event = turn_.front();
    turn_ = turn_.subspan(1);
    if (event.data.ptr == nullptr) continue;  // forgotten, or the wake-up
    static_cast<Watcher*>(event.data.ptr)->OnEvents(event.events);
  }
}

LinkedQueue<EventLoop::Notice> EventLoop::TakePosted(std::vector<std::function<void()>>& tasks) {
  const engine::MutexLock lock(mutex_);
  tasks.swap(posted_);
  return std::move(notices_);
}

// The wake-up is taken back before the tasks are, so that none that comes meanwhile is overlooked.
void EventLoop::RunPosted() {
  eventfd_t count;
  eventfd_read(wake_, &count);
  std::vector<std::function<void()>> tasks;
  LinkedQueue<Notice> notices = TakePosted(tasks);
  while (!notices.empty()) notices.Pop()->OnNotice();
  for (std::function<void()>& task : tasks) std::exchange(task, nullptr)();
}

// Rounded up, so that the time has come when the wait ends.
int EventLoop::MillisecondsToNext() const {
  if (timers_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 3600 * 1000));
}

void EventLoop::RunTimers() {
  const Clock::time_point now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Watcher& watcher = *timers_.begin()->second;
    ClearTimer(watcher);
    watcher.OnTime();
  }
}

void EventLoop::Watch(int fd, uint32_t events, Watcher& watcher) {
  watcher.spare_ = timers_.extract(timers_.emplace(Clock::time_point(), &watcher));
  epoll_event event{events, {.ptr = &watcher}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) throw Failure("epoll_ctl");
}

void EventLoop::Change(int fd, uint32_t events, Watcher& watcher) {
  epoll_event event{events, {.ptr = &watcher}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::Forget(int fd, Watcher& watcher) {
  ClearTimer(watcher);
  if (fd >= 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  for (epoll_event& event : turn_) {
    if (event.data.ptr == &watcher) event.data.ptr = nullptr;
  }
}

void EventLoop::SetTimer(Clock::time_point when, Watcher& watcher) {
  if (watcher.timer_ && (*watcher.timer_)->first == when) return;
  ClearTimer(watcher);
  watcher.spare_.key() = when;
  watcher.timer_ = timers_.insert(std::move(watcher.spare_));
}

void EventLoop::ClearTimer(Watcher& watcher) {
  if (watcher.timer_) watcher.spare_ = timers_.extract(*watcher.timer_);
  watcher.timer_.reset();
}

}  // namespace puna::server
