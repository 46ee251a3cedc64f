// Server-sent events as OpenAI frames them: pure text. Every payload is one line of JSON.
#pragma once

#include <string>
#include <string_view>

namespace puna::api {

inline constexpr std::string_view kSseContentType = "text/event-stream; charset=utf-8";
inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";

inline std::string SseData(std::string_view json) {
  std::string frame;
  frame.reserve(json.size() + 8);
  return frame.append("data: ").append(json).append("\n\n");
}

// With a name: the form of /v1/responses.
inline std::string SseEvent(std::string_view name, std::string_view json) {
  std::string frame;
  frame.reserve(name.size() + json.size() + 17);
  return frame.append("event: ").append(name).append("\ndata: ").append(json).append("\n\n");
}

// Readers skip it; it keeps proxies and clients from giving up while nothing is said. `text` has no
// newline.
inline std::string SseComment(std::string_view text) { return std::string(": ").append(text).append("\n\n"); }

// A failure after the stream began; `error_json` as ApiError::ToJson gives it. The stream ends
// after it.
inline std::string SseError(std::string_view error_json) { return SseData(error_json); }

}  // namespace puna::api
