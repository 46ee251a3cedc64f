// Ctrl-C as something that an answer is stopped by, and not the program.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace puna::server {

class Interrupts {
 public:
  // From now on SIGINT is held back in this thread and in those that it starts. Throws std::runtime_error.
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;

  // Calls `stop`, from a thread of its own, at each SIGINT while it lives; those from before do not count.
  class Watch {
   public:
    Watch(const Interrupts& interrupts, std::function<void()> stop);
    ~Watch();
    Watch(const Watch&) = delete;
    bool came() const { return came_; }

   private:
    std::atomic<bool> came_{false};
    int end_;  // an eventfd: wakes the thread when it shall go
    std::thread thread_;
  };

 private:
  int signals_;  // a signalfd
};

}  // namespace puna::server
