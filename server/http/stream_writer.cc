#include "server/http/stream_writer.h"

#include "api/fields/sse.h"

namespace puna::server {

StreamWriter::StreamWriter(ByteSink& sink, std::chrono::seconds comment_interval)
    : sink_(sink), comment_interval_(comment_interval) {}

void StreamWriter::Data(std::string_view json) { pending_ += api::SseData(json); }

void StreamWriter::Events(std::string_view framed) { pending_ += framed; }

void StreamWriter::Error(const api::ApiError& error) { pending_ += api::SseError(error.ToJson()); }

void StreamWriter::Done() { pending_ += api::kSseDone; }

bool StreamWriter::Flush() {
  const auto now = std::chrono::steady_clock::now();
  const bool silent = comment_interval_.count() > 0 && now - last_write_ >= comment_interval_;
  if (pending_.empty() && silent) pending_ = api::SseComment("keep-alive");
  if (pending_.empty()) return alive_ = alive_ && !sink_.client_gone();
  alive_ = alive_ && sink_.Write(pending_);
  pending_.clear();
  last_write_ = now;
  return alive_;
}

}  // namespace puna::server
