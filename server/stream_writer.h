// Server-sent events as OpenAI frames them, onto a client that may leave at any moment.
#pragma once

#include <chrono>
#include <string_view>

#include "api/error.h"
#include "server/http.h"

namespace puna::server {

class StreamWriter {
 public:
  // `comment_interval`: the longest silence; 0: silence is never broken.
  StreamWriter(ByteSink& sink, std::chrono::seconds comment_interval);

  void Data(std::string_view json);        // data: JSON
  void Error(const api::ApiError& error);  // data: {"error": ...}; the stream ends after it
  void Done();                             // data: [DONE]
  // Writes a comment when nothing was written for the interval.
  void KeepAlive();

  // Asks the socket: false once the client has left, and then all of the above do nothing.
  bool alive() { return alive_ && !sink_.client_gone(); }

 private:
  void Write(std::string_view bytes);

  ByteSink& sink_;
  std::chrono::seconds comment_interval_;
  std::chrono::steady_clock::time_point last_write_ = std::chrono::steady_clock::now();
  bool alive_ = true;
};

}  // namespace puna::server
