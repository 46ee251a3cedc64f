// One request of a load test, over HTTP, to any server that speaks OpenAI's protocol.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "server/bench/traffic_plan.h"
#include "server/bench/traffic_sample.h"

namespace puna::server {

// Seconds since the run began, and how long it may take.
class RunClock {
 public:
  explicit RunClock(double limit_s) : limit_s_(limit_s) {}
  double Now() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
  double Left() const { return limit_s_ - Now(); }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  const double limit_s_;
};

struct BenchTarget {
  std::string url = "http://127.0.0.1:8080";  // with or without a path such as /v1
  std::string model;                          // empty: the server's first
  std::string api_key;                        // empty: none is sent
  int max_tokens = 64;                        // of each answer
  double temperature = 0;
  bool ignore_eos = false;  // not OpenAI's: each answer has max_tokens
};

// What is wrong with a URL, for the command line; empty: nothing.
std::string UrlError(const std::string& url);

// The first model that the server lists; empty when it does not say within a few seconds.
std::string FirstModel(const BenchTarget& target);

// Asks for one streamed answer and waits for its end, or for the end of the clock. Fills `sample`
// with what came, and with the error if something went wrong; calls `on_piece` at each piece of
// the answer, with how many there are so far.
void Ask(const BenchTarget& target, const RunClock& clock, const std::vector<TrafficMessage>& messages,
         TrafficSample& sample, const std::function<void(size_t)>& on_piece);

}  // namespace puna::server
