// Tells how a fetch goes: on a terminal a bar with rate and time left, else a line now and then.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

namespace puna::server {

// "43 % [########------------] 870 MB of 2.02 GB, 23 MB/s, 0:49 left". A rate of 0: none is known yet.
std::string ProgressText(int64_t done, int64_t total, double bytes_per_second, bool bar);

class FetchProgress {
 public:
  // `line` takes what is told where standard error is no terminal.
  explicit FetchProgress(std::function<void(const std::string&)> line);
  ~FetchProgress();  // ends the bar's line
  FetchProgress(const FetchProgress&) = delete;

  void Tell(int64_t done, int64_t total);
  void Say(const std::string& line);

 private:
  using Clock = std::chrono::steady_clock;
  struct Sample {
    Clock::time_point at;
    int64_t done;
  };
  double Rate() const;
  void Draw(int64_t done, int64_t total);

  std::function<void(const std::string&)> line_;
  bool terminal_;
  bool drawn_ = false;
  std::deque<Sample> samples_;  // of the last seconds
  Clock::time_point told_at_;
  int told_tenth_ = 0;
};

}  // namespace puna::server
