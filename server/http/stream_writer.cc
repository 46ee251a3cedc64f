#include "server/http/stream_writer.h"

#include "api/fields/sse.h"

namespace puna::server {

void StreamWriter::Data(std::string_view json) { pending_ += api::SseData(json); }

void StreamWriter::Events(std::string_view framed) { pending_ += framed; }

void StreamWriter::Error(const api::ApiError& error) { pending_ += api::SseError(error.ToJson()); }

void StreamWriter::Done() { pending_ += api::kSseDone; }

StreamWriter::Clock::time_point StreamWriter::next_comment() const {
  return comment_interval_.count() > 0 ? last_write_ + comment_interval_ : Clock::time_point::max();
}

bool StreamWriter::Flush(ByteSink& sink) {
  const auto now = Clock::now();
  if (pending_.empty() && now >= next_comment()) {
    pending_ = make_keep_alive_ ? make_keep_alive_() : api::SseComment("keep-alive");
    last_write_ = now;  // also where that is nothing
  }
  if (pending_.empty()) return !sink.client_gone();
  const bool alive = sink.Write(pending_);
  pending_.clear();
  last_write_ = now;
  return alive;
}

}  // namespace puna::server
