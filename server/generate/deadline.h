// How long one request may take.
#pragma once

#include <chrono>

namespace puna::server {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  // 0 seconds: no limit.
  explicit Deadline(int seconds, Clock::time_point start = Clock::now()) : timeout_(seconds), start_(start) {}
  // Throws api::ApiError 504 when time is up.
  void Check() const;
  Clock::time_point end() const;  // max(): none

 private:
  std::chrono::seconds timeout_;
  Clock::time_point start_;
};

}  // namespace puna::server
