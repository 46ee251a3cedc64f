// Answers of /v1/messages: the message, and the events in which it is streamed.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "api/fields/response_parts.h"
#include "api/json/error.h"
#include "api/tool_calls/tool_call_parser.h"

namespace puna::api {

struct MessageHead {
  std::string id;  // msg_...
  std::string model;
  int prompt_tokens = 0;
  bool context_management = false;  // what of it was done is said: nothing
  bool diagnostics = false;         // why the cache lacked something is said: unknown
};

struct MessageEnd {
  std::string stop_reason;    // end_turn, max_tokens, stop_sequence, tool_use, model_context_window_exceeded
  std::string stop_sequence;  // which one; empty: none
};

// One message while it comes. Text and calls become blocks in the order in which they come, one at a time, numbered from 0;
// a text block begins with its first character, so that an answer of calls alone has none. The functions give the events,
// framed; those who want the whole message ask Json at the end.
class MessageBuilder {
 public:
  explicit MessageBuilder(MessageHead head) : head_(std::move(head)) {}

  std::string Start() const;  // message_start and a ping
  std::string Add(const OutputDelta& delta);
  // `usage` is the whole request's. Behind it only Json may be asked.
  std::string Finish(const MessageEnd& end, const Usage& usage);
  // An empty delta, which changes nothing: clients that count neither comments nor pings take it for life.
  std::string EmptyDelta();
  static std::string Ping();
  static std::string Error(const ApiError& error, const std::string& request_id);  // the stream ends after it

  // The message; after Finish. A call that was cut has no object for its input, and is left out.
  std::string Json() const;

 private:
  struct Block {
    bool is_call = false;
    std::string text;      // of a call: its arguments
    std::string id, name;  // of a call
  };
  nlohmann::ordered_json MessageJson(const nlohmann::ordered_json& content) const;
  nlohmann::ordered_json UsageJson() const;
  std::string AddText(const std::string& text);
  std::string AddCall(const ToolCallDelta& call);
  std::string Open(Block block);
  std::string Close();
  std::string Delta(const char* type, const char* member, const std::string& text) const;

  MessageHead head_;
  MessageEnd end_;
  Usage usage_;
  std::vector<Block> blocks_;
  bool open_ = false;  // the last block
};

// {"input_tokens": 11}
std::string CountTokensJson(size_t count);

}  // namespace puna::api
