// One response of /v1/responses from its first event to its stored object. The same builder serves
// both ways of answering: who does not stream throws the events away and takes Json().
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/endpoints/responses_items.h"
#include "api/endpoints/responses_request.h"
#include "api/fields/id_generator.h"
#include "api/tool_calls/tool_call_parser.h"

namespace puna::api {

class ResponseBuilder {
 public:
  enum class Status { kInProgress, kCompleted, kIncomplete, kFailed, kCancelled };

  // `request` and `ids` must outlive the builder. `model`: the served name.
  ResponseBuilder(const ResponsesRequest& request, std::string model, int64_t created_at, IdGenerator& ids);

  const std::string& id() const { return id_; }  // resp_...
  const std::vector<ResponseItem>& output() const { return output_; }

  // Each gives framed events (SseEvent), one after the other, numbered from 0.
  std::string Start();  // response.created, response.in_progress
  // Text goes to a message, calls to function_call items; an item is closed when the next begins.
  // `logprobs` may be empty; they belong to the text.
  std::string Add(const OutputDelta& delta, const std::vector<PositionLogprobs>& logprobs = {});
  // Closes what is open: response.completed, or response.incomplete when max_output_tokens or the
  // context ended it, or response.failed with `error`. Nothing may follow.
  std::string Finish(Status status, const Usage& usage, const std::string& error = "");

  // The response object as it stands.
  std::string Json() const;

 private:
  std::string Event(const char* type, nlohmann::ordered_json members);
  std::string ResponseEvent(const char* type);
  nlohmann::ordered_json ResponseJson() const;
  void AppendEcho(nlohmann::ordered_json& json) const;
  nlohmann::ordered_json Position() const;  // item_id and output_index of the open item
  std::string OpenMessage();
  std::string OpenCall(const ToolCallDelta& call);
  std::string AddText(const std::string& text, const std::vector<PositionLogprobs>& logprobs);
  std::string AddArguments(const std::string& arguments);
  std::string CloseItem(bool cut);

  const ResponsesRequest& request_;
  IdGenerator& ids_;
  std::string id_, model_;
  int64_t created_at_;
  Status status_ = Status::kInProgress;
  Usage usage_;
  std::string error_;
  std::vector<ResponseItem> output_;
  bool open_ = false;  // the last item of output_ is still being written
  int64_t sequence_number_ = 0;
};

// {"id", "object": "response", "deleted": true}
std::string DeletedResponseJson(const std::string& id);

}  // namespace puna::api
