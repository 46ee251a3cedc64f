#include "api/endpoints/responses_builder.h"

#include <nlohmann/json.hpp>

#include "api/fields/sse.h"

namespace puna::api {

using JsonValue = nlohmann::ordered_json;
using Kind = ResponseItem::Kind;

ResponseBuilder::ResponseBuilder(const ResponsesRequest& request, std::string model, int64_t created_at,
                                 IdGenerator& ids)
    : request_(request), ids_(ids), id_(ids.Next("resp_")), model_(std::move(model)), created_at_(created_at) {}

std::string ResponseBuilder::Event(const char* type, JsonValue members) {
  JsonValue json;
  json["type"] = type;
  json["sequence_number"] = sequence_number_++;
  for (auto& [name, value] : members.items()) json[name] = std::move(value);
  return SseEvent(type, Dump(json));
}

std::string ResponseBuilder::ResponseEvent(const char* type) {
  JsonValue members;
  members["response"] = ResponseJson();
  return Event(type, std::move(members));
}

std::string ResponseBuilder::Start() {
  std::string events = ResponseEvent("response.created");
  return events += ResponseEvent("response.in_progress");
}

std::string ResponseBuilder::Add(const OutputDelta& delta, const std::vector<PositionLogprobs>& logprobs) {
  std::string events;
  if (!delta.content.empty() || (!logprobs.empty() && open_)) events += AddText(delta.content, logprobs);
  for (const ToolCallDelta& call : delta.calls) {
    if (!call.id.empty()) events += OpenCall(call);
    if (!call.arguments.empty()) events += AddArguments(call.arguments);
  }
  return events;
}

JsonValue ResponseBuilder::Position() const {
  JsonValue members;
  members["item_id"] = output_.back().id;
  members["output_index"] = output_.size() - 1;
  return members;
}

std::string ResponseBuilder::OpenMessage() {
  std::string events = CloseItem(false);
  ResponseItem& item = output_.emplace_back();
  item.id = ids_.Next("msg_");
  item.status = "in_progress";
  item.role = "assistant";
  open_ = true;
  JsonValue added;
  added["output_index"] = output_.size() - 1;
  added["item"] = ItemJson(item);
  events += Event("response.output_item.added", std::move(added));
  JsonValue part = Position();
  part["content_index"] = 0;
  part["part"] = ContentPartJson(item);
  return events + Event("response.content_part.added", std::move(part));
}

std::string ResponseBuilder::OpenCall(const ToolCallDelta& call) {
  std::string events = CloseItem(false);
  ResponseItem& item = output_.emplace_back();
  item.kind = Kind::kFunctionCall;
  item.id = ids_.Next("fc_");
  item.status = "in_progress";
  item.call_id = call.id;
  item.name = call.name;
  open_ = true;
  JsonValue added;
  added["output_index"] = output_.size() - 1;
  added["item"] = ItemJson(item);
  return events + Event("response.output_item.added", std::move(added));
}

std::string ResponseBuilder::AddText(const std::string& text, const std::vector<PositionLogprobs>& logprobs) {
  std::string events;
  const bool message = open_ && output_.back().kind == Kind::kMessage;
  if (!message && text.empty()) return events;  // log-probabilities of a call's tokens: no place for them here
  if (!message) events = OpenMessage();
  ResponseItem& item = output_.back();
  item.text += text;
  item.logprobs.insert(item.logprobs.end(), logprobs.begin(), logprobs.end());
  JsonValue delta = Position();
  delta["content_index"] = 0;
  delta["delta"] = text;
  delta["logprobs"] = OutputLogprobsJson(logprobs);
  return events + Event("response.output_text.delta", std::move(delta));
}

std::string ResponseBuilder::AddArguments(const std::string& arguments) {
  output_.back().arguments += arguments;
  JsonValue delta = Position();
  delta["delta"] = arguments;
  return Event("response.function_call_arguments.delta", std::move(delta));
}

std::string ResponseBuilder::CloseItem(bool cut) {
  if (!open_) return {};
  open_ = false;
  ResponseItem& item = output_.back();
  item.status = cut ? "incomplete" : "completed";
  std::string events;
  JsonValue done = Position();
  if (item.kind == Kind::kFunctionCall) {
    done["name"] = item.name;
    done["arguments"] = item.arguments;
    events = Event("response.function_call_arguments.done", std::move(done));
  } else {
    done["content_index"] = 0;
    JsonValue part = done;
    done["text"] = item.text;
    done["logprobs"] = OutputLogprobsJson(item.logprobs);
    part["part"] = ContentPartJson(item);
    events = Event("response.output_text.done", std::move(done));
    events += Event("response.content_part.done", std::move(part));
  }
  JsonValue closed;
  closed["output_index"] = output_.size() - 1;
  closed["item"] = ItemJson(item);
  return events + Event("response.output_item.done", std::move(closed));
}

std::string ResponseBuilder::Finish(Status status, const Usage& usage, const std::string& error) {
  std::string events;
  // An answer without a word still has its message, as clients expect one.
  if (status == Status::kCompleted && output_.empty()) events = OpenMessage();
  events += CloseItem(status != Status::kCompleted);
  status_ = status;
  usage_ = usage;
  error_ = error;
  const char* type = status == Status::kCompleted    ? "response.completed"
                     : status == Status::kIncomplete ? "response.incomplete"
                                                     : "response.failed";
  return events + ResponseEvent(type);
}

std::string ResponseBuilder::Json() const { return Dump(ResponseJson()); }

std::string DeletedResponseJson(const std::string& id) {
  JsonValue json;
  json["id"] = id;
  json["object"] = "response";
  json["deleted"] = true;
  return Dump(json);
}

}  // namespace puna::api
