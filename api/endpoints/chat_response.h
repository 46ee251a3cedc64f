// Answers of /v1/chat/completions: chat.completion objects and chat.completion.chunk events.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/fields/message.h"
#include "api/fields/response_parts.h"
#include "api/tool_calls/tool_call_parser.h"

namespace puna::api {

struct ChatChoice {
  int index = 0;
  std::string content;  // null on the wire when it is empty and there are calls
  std::vector<ToolCall> tool_calls;
  std::string finish_reason;  // stop, length, tool_calls
  bool legacy = false;        // the call is a function_call, as clients of `functions` read it
  std::optional<std::vector<PositionLogprobs>> logprobs;
};

std::string ChatCompletionJson(const ResponseHead& head, const std::vector<ChatChoice>& choices, const Usage& usage,
                               bool tokens_as_ids = false);

// The chunks of one stream, each as JSON for SseData. Of every choice: Role once, Deltas, Finish
// once; then Usage once when it was asked for; then [DONE].
class ChatChunks {
 public:
  // `include_usage`: all chunks but the last say "usage": null.
  // `legacy`: calls are function_call, as clients of `functions` read them.
  ChatChunks(ResponseHead head, bool include_usage, bool tokens_as_ids = false, bool legacy = false)
      : head_(std::move(head)), include_usage_(include_usage), tokens_as_ids_(tokens_as_ids), legacy_(legacy) {}

  std::string Role(int index) const;
  // `logprobs` may be null; those of tokens that brought no text go with the next chunk or with
  // Finish.
  std::string Delta(int index, const OutputDelta& delta, const std::vector<PositionLogprobs>* logprobs) const;
  std::string Finish(int index, const std::string& finish_reason, const std::vector<PositionLogprobs>* logprobs) const;
  std::string UsageChunk(const Usage& usage) const;

 private:
  std::string Chunk(int index, nlohmann::ordered_json delta, const std::vector<PositionLogprobs>* logprobs,
                    const std::string& finish_reason) const;

  ResponseHead head_;
  bool include_usage_;
  bool tokens_as_ids_;
  bool legacy_;
};

// {"content": [{"token", "logprob", "bytes", "top_logprobs"}], "refusal": null}
nlohmann::ordered_json ChatLogprobsJson(const std::vector<PositionLogprobs>& positions, bool tokens_as_ids);

}  // namespace puna::api
