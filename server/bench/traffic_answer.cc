#include "server/bench/traffic_answer.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace puna::server {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxDetail = 300;

// The member of an object, or null where there is no object or no such member.
const Json& Member(const Json& json, const char* name) {
  static const Json kNull;
  const auto found = json.is_object() ? json.find(name) : json.end();
  return found == json.end() ? kNull : *found;
}

std::string Text(const Json& json) { return json.is_string() ? json.get<std::string>() : ""; }

// Member `name` as a number of tokens, if it is one.
std::optional<int> Count(const Json& usage, const char* name) {
  const Json& count = Member(usage, name);
  if (!count.is_number_integer() || count.get<int64_t>() < 0 || count.get<int64_t>() > 1 << 30) return std::nullopt;
  return count.get<int>();
}

std::string ErrorOf(const Json& json, const std::string& body) {
  const Json& error = Member(json, "error");
  std::string text = Text(Member(error, "message"));
  if (text.empty()) text = Text(error);
  if (text.empty()) text = Text(Member(json, "message"));
  if (text.empty()) text = body;
  return text.substr(0, kMaxDetail);
}

void TakeUsage(const Json& usage, TrafficSample& sample) {
  if (!usage.is_object()) return;
  if (const auto tokens = Count(usage, "completion_tokens")) {
    sample.output_tokens = *tokens;
    sample.output_counted = false;
  }
  if (const auto tokens = Count(usage, "prompt_tokens")) sample.prompt_tokens = tokens;
  if (const auto tokens = Count(Member(usage, "prompt_tokens_details"), "cached_tokens")) sample.cached_tokens = tokens;
}

}  // namespace

bool TrafficAnswer::Take(const std::string& data, double now_s) {
  if (data == "[DONE]") return false;
  const Json json = Json::parse(data, nullptr, false);
  if (json.is_discarded()) throw std::runtime_error("an event is not JSON: " + data.substr(0, kMaxDetail));
  if (!Member(json, "error").is_null()) {
    sample_.error = "error in the stream";
    sample_.error_detail = ErrorOf(json, data);
    return false;
  }
  TakeUsage(Member(json, "usage"), sample_);
  const Json& choices = Member(json, "choices");
  if (!choices.is_array() || choices.empty()) return false;
  const Json& delta = Member(choices[0], "delta");
  const std::string content = Text(Member(delta, "content"));
  const bool piece =
      !content.empty() || !Text(Member(delta, "reasoning_content")).empty() || !Member(delta, "tool_calls").empty();
  sample_.answer += content;
  if (piece) {
    sample_.chunk_s.push_back(now_s);
    if (sample_.output_counted) ++sample_.output_tokens;
  }
  if (!Member(choices[0], "finish_reason").is_null()) {
    finished_ = true;
    // An answer without text, as when its first token ends it, begins and ends here.
    if (sample_.chunk_s.empty()) sample_.chunk_s.push_back(now_s);
  }
  return piece;
}

void TrafficAnswer::End() {
  if (finished_ || !sample_.error.empty()) return;
  sample_.error = "cut off";
  sample_.error_detail = "the stream ended before the answer did";
}

std::string ErrorText(const std::string& body) { return ErrorOf(Json::parse(body, nullptr, false), body); }

}  // namespace puna::server
