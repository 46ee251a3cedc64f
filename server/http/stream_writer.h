// Server-sent events as OpenAI frames them, onto a client that may leave at any moment.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "api/json/error.h"
#include "server/http/http.h"

namespace puna::server {

class StreamWriter {
 public:
  using Clock = std::chrono::steady_clock;

  // `comment_interval`: the longest silence; 0: silence is never broken.
  explicit StreamWriter(std::chrono::seconds comment_interval) : comment_interval_(comment_interval) {}

  // What breaks the silence in place of a comment: for clients that count only their protocol's own events as life.
  void KeepAliveWith(std::function<std::string()> make_event) { make_keep_alive_ = std::move(make_event); }

  // They are kept until Flush, so that what came in one step of the engine goes out in one write.
  void Data(std::string_view json);        // data: JSON
  void Events(std::string_view framed);    // whole events, as they are
  void Error(const api::ApiError& error);  // data: {"error": ...}; the stream ends after it
  void Done();                             // data: [DONE]

  // Sends what there is, or a comment (or what is there in its place) when nothing was sent for the interval. False once the
  // client has left.
  bool Flush(ByteSink& sink);

  // When Flush would have to send a comment; max(): never.
  Clock::time_point next_comment() const;

 private:
  std::chrono::seconds comment_interval_;
  Clock::time_point last_write_ = Clock::now();
  std::string pending_;
  std::function<std::string()> make_keep_alive_;
};

}  // namespace puna::server
