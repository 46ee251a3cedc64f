// A streamed chat completion, read for what a load test wants to know.
#pragma once

#include <string>

#include "server/bench/traffic_sample.h"

namespace puna::server {

// Fills a sample from the events of one stream of /v1/chat/completions, from any server that
// speaks OpenAI's protocol.
class TrafficAnswer {
 public:
  explicit TrafficAnswer(TrafficSample& sample) : sample_(sample) {}

  // The data of one event, and when it came. True: it brought a piece of the answer.
  // Throws std::runtime_error at an event that is no JSON.
  bool Take(const std::string& data, double now_s);

  // The stream is over: whatever is missing becomes the sample's error.
  void End();

 private:
  TrafficSample& sample_;
  bool finished_ = false;  // a finish_reason came: the answer is whole
};

// What a server says in a body like {"error": {"message": ...}}; else the body's beginning.
std::string ErrorText(const std::string& body);

}  // namespace puna::server
