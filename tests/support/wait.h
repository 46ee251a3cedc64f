// How tests wait: for what must come, however slow the machine. No other time decides whether a test passes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <thread>

namespace puna {

// After this a test calls it a hang.
constexpr std::chrono::seconds kHang{600};

// Whether the condition came to hold, asked again and again.
template <typename Condition>
bool Comes(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kHang;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// Whether this process comes to rest: a stretch of 300 ms in which it uses less than a sixth of one processor.
inline bool ComesToRest() {
  return Comes([] {
    const std::clock_t before = std::clock();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    return static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC < 0.05;
  });
}

// Closed until somebody opens it; those who come meanwhile wait.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  void Pass() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

}  // namespace puna
