// One response of /v1/responses from its first event to its stored object. The same builder serves
// both ways of answering: who does not stream throws the events away and takes Json().
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/endpoints/responses_items.h"
#include "api/endpoints/responses_request.h"
#include "api/fields/id_generator.h"
#include "api/tool_calls/tool_call_parser.h"

namespace puna::api {

class ResponseBuilder {
 public:
  enum class Status { kQueued, kInProgress, kCompleted, kIncomplete, kFailed, kCancelled };

  // `request` and `ids` must outlive the builder. `model`: the served name. A background response begins as queued.
  ResponseBuilder(const ResponsesRequest& request, const std::string& model, int64_t created_at, IdGenerator& ids);
  // Goes on where one stopped that nobody is making any more: `begun` is its object as it began, `events` are those that it gave.
  // Only Interrupt may follow. Throws std::exception for what is no such thing.
  ResponseBuilder(const std::string& begun, std::string_view events, IdGenerator& ids);

  const std::string& id() const { return id_; }  // resp_...
  Status status() const { return status_; }
  bool counted() const { return counted_; }  // what was used is known: it was not interrupted
  const std::vector<ResponseItem>& output() const { return output_; }

  // Each gives framed events (SseEvent), one after the other, numbered from 0.
  std::string Start();   // response.created, response.in_progress; in the background response.created, response.queued
  std::string Queued();  // response.queued once more
  std::string
  InProgress();  // response.in_progress: for the first time in the background, else once more, as a sign of life
  // Text goes to a message, calls to function_call items; an item is closed when the next begins.
  // `logprobs` may be empty; they belong to the text.
  std::string Add(const OutputDelta& delta, const std::vector<PositionLogprobs>& logprobs = {});
  // An item that comes whole, such as a compaction: added and done at once. It has its id.
  std::string AddItem(ResponseItem item);
  // Closes what is open: response.completed, or response.incomplete when max_output_tokens or the
  // context ended it, or response.failed with `error`. Nothing may follow. `now`: seconds since 1970.
  std::string Finish(Status status, const Usage& usage, const std::string& error = "", int64_t now = 0);
  // Closes what is open as incomplete, for this reason and with no count of what was used. Nothing may follow.
  std::string Interrupt(const std::string& reason);

  // The response object as it stands.
  std::string Json() const;

 private:
  std::string Event(const char* type, nlohmann::ordered_json members);
  std::string ResponseEvent(const char* type);
  nlohmann::ordered_json ResponseJson() const;
  std::string End();
  nlohmann::ordered_json Position() const;  // item_id and output_index of the open item
  std::string OpenMessage();
  std::string OpenCall(const ToolCallDelta& call);
  std::string AddText(const std::string& text, const std::vector<PositionLogprobs>& logprobs);
  std::string AddArguments(const std::string& arguments);
  void ShowLocalShellCall(ResponseItem& item) const;
  std::string CloseItem(bool cut);

  IdGenerator& ids_;
  std::string id_;
  std::shared_ptr<const nlohmann::ordered_json> begun_;  // the object as it began
  const std::vector<ToolSpec>* tools_ = nullptr;         // null: one that goes on, which calls nothing any more
  bool only_compacts_ = false;                           // no answer is wanted
  int64_t completed_at_ = 0;
  Status status_ = Status::kInProgress;
  Usage usage_;
  bool counted_ = true;                               // usage_ is what was used
  std::string error_, reason_ = "max_output_tokens";  // why it failed; why it is incomplete
  std::vector<ResponseItem> output_;
  bool open_ = false;            // the last item of output_ is still being written
  bool is_local_shell_ = false;  // it is a local_shell_call
  int64_t sequence_number_ = 0;
};

// As the object has it.
const char* StatusName(ResponseBuilder::Status status);

// {"id", "object": "response", "deleted": true}
std::string DeletedResponseJson(const std::string& id);

}  // namespace puna::api
