// Answers of Ollama's API: one JSON object a line while it streams, one object when it does not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/fields/message.h"
#include "api/fields/response_parts.h"
#include "api/tool_calls/tool_call_parser.h"

namespace puna::api {

// What an answer took, in seconds.
struct OllamaTimes {
  double total = 0, queue = 0, prefill = 0, decode = 0;
};

// One answer while it comes. A call is shown when it is whole, since Ollama's clients read its arguments as an object; one that
// was cut is left out.
class OllamaBuilder {
 public:
  // `model` as the client named it. `generate`: the text is called response, and there are no calls.
  OllamaBuilder(std::string model, bool generate) : model_(std::move(model)), generate_(generate) {}

  // The lines that show what came, none when there is nothing to show. `logprobs` may be null.
  std::string Add(const OutputDelta& delta, const std::vector<PositionLogprobs>* logprobs);
  // The last lines. `reason`: stop, length, load, unload.
  std::string Finish(const std::string& reason, const Usage& usage, const OllamaTimes& times);
  std::string EmptyLine() const;  // keeps a client that waits
  static std::string ErrorLine(const std::string& message);

  // All of it in one object, with the end; after Finish.
  const std::string& Json() const { return whole_; }

 private:
  nlohmann::ordered_json Chunk(const std::string& text, const std::vector<ToolCall>& calls, bool done) const;
  std::vector<ToolCall> TakeWholeCalls();
  std::string Line(const std::string& text, const std::vector<ToolCall>& calls,
                   const std::vector<PositionLogprobs>* logprobs);

  std::string model_;
  bool generate_;
  std::string text_, whole_;
  std::vector<ToolCall> calls_;  // whole ones
  std::vector<ToolCall> open_;   // the one that comes
  std::vector<PositionLogprobs> logprobs_;
};

// Now, as RFC 3339 has it, in nanoseconds and UTC.
std::string OllamaTimestamp();
std::string OllamaTimestamp(int64_t seconds);

// {"embeddings": [[...]], ...}
std::string OllamaEmbedJson(const std::vector<std::vector<float>>& vectors, const std::string& model, int prompt_tokens,
                            double seconds);
// {"embedding": [...]}, of the first.
std::string OllamaEmbeddingsJson(const std::vector<std::vector<float>>& vectors);

struct OllamaModel {
  std::string name;     // without a tag it gets :latest
  int64_t created = 0;  // seconds since 1970
  uint64_t size = 0;    // bytes of weights
  std::string digest;   // 64 hexadecimal digits
  uint64_t parameters = 0;
  std::string quantization;  // how weights are kept
  std::string end_text;      // of the token that ends an answer
  bool tools = false;        // there is a chat template that calls can be told by
  int context_length = 0;    // as it is served
  int embedding_length = 0, block_count = 0, head_count = 0, head_count_kv = 0, vocab_size = 0;
};
std::string OllamaTags(const std::vector<OllamaModel>& models);
std::string OllamaPs(const std::vector<OllamaModel>& models);
// `asked`: the name by which a client asked.
std::string OllamaShow(const OllamaModel& model, const std::string& asked);

}  // namespace puna::api
