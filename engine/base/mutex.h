// std::mutex, std::unique_lock and std::condition_variable with names that clang's thread-safety analysis knows: a member
// that says PUNA_GUARDED_BY(mutex_) is touched only while a MutexLock on mutex_ lives, or a build with -Wthread-safety
// (make check) fails. Other compilers see nothing of it.
//
// Waiting is a loop in the open, since the analysis does not look into a predicate:
//   while (queue_.empty()) arrived_.Wait(lock);
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define PUNA_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define PUNA_THREAD_ATTRIBUTE(x)
#endif

// On a member: read and written only with the mutex held.
#define PUNA_GUARDED_BY(mutex) PUNA_THREAD_ATTRIBUTE(guarded_by(mutex))
// On a function: its caller holds the mutex, or does not.
#define PUNA_REQUIRES(...) PUNA_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define PUNA_EXCLUDES(...) PUNA_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))

namespace puna::engine {

class PUNA_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

// Holds the mutex for as long as it lives, apart from Unlock() to Lock().
class PUNA_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) PUNA_THREAD_ATTRIBUTE(acquire_capability(mutex)) : lock_(mutex.mutex_) {}
  ~MutexLock() PUNA_THREAD_ATTRIBUTE(release_capability()) {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void Unlock() PUNA_THREAD_ATTRIBUTE(release_capability()) { lock_.unlock(); }
  void Lock() PUNA_THREAD_ATTRIBUTE(acquire_capability()) { lock_.lock(); }

 private:
  friend class Condition;
  std::unique_lock<std::mutex> lock_;
};

class Condition {
 public:
  // All let go of the mutex while they wait and hold it again when they return, for whatever reason they do.
  void Wait(MutexLock& lock) { condition_.wait(lock.lock_); }
  // False once `deadline` has passed.
  template <typename Clock, typename Duration>
  bool WaitUntil(MutexLock& lock, std::chrono::time_point<Clock, Duration> deadline) {
    return condition_.wait_until(lock.lock_, deadline) == std::cv_status::no_timeout;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace puna::engine
