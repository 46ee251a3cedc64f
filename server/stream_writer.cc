#include "server/stream_writer.h"

#include "api/sse.h"

namespace puna::server {

StreamWriter::StreamWriter(ByteSink& sink, std::chrono::seconds comment_interval)
    : sink_(sink), comment_interval_(comment_interval) {}

void StreamWriter::Write(std::string_view bytes) {
  if (!alive_) return;
  alive_ = sink_.Write(bytes);
  last_write_ = std::chrono::steady_clock::now();
}

void StreamWriter::Data(std::string_view json) { Write(api::SseData(json)); }

void StreamWriter::Error(const api::ApiError& error) { Write(api::SseError(error.ToJson())); }

void StreamWriter::Done() { Write(api::kSseDone); }

void StreamWriter::KeepAlive() {
  if (comment_interval_.count() == 0) return;
  if (std::chrono::steady_clock::now() - last_write_ >= comment_interval_)
    Write(api::SseComment("keep-alive"));
}

}  // namespace puna::server
