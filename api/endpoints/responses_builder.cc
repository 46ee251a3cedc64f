#include "api/endpoints/responses_builder.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/endpoints/responses_object.h"
#include "api/endpoints/responses_past.h"
#include "api/fields/local_shell.h"
#include "api/fields/sse.h"

namespace puna::api {

using JsonValue = nlohmann::ordered_json;
using Kind = ResponseItem::Kind;

ResponseBuilder::ResponseBuilder(const ResponsesRequest& request, const std::string& model, int64_t created_at,
                                 IdGenerator& ids)
    : ids_(ids),
      id_(ids.Next("resp_")),
      begun_(std::make_shared<const JsonValue>(BegunResponseJson(request, id_, model, created_at))),
      tools_(&request.tools),
      only_compacts_(request.only_compacts),
      status_(request.background ? Status::kQueued : Status::kInProgress) {}

ResponseBuilder::ResponseBuilder(const std::string& begun, std::string_view events, IdGenerator& ids)
    : ids_(ids), begun_(std::make_shared<const JsonValue>(JsonValue::parse(begun))), status_(Status::kIncomplete) {
  begun_->at("id").get_to(id_);
  PastEvents past = ReadPastEvents(events);
  output_ = std::move(past.output);
  open_ = past.open;
  is_local_shell_ = past.open && output_.back().json.size() > 0;
  sequence_number_ = past.next_number;
}

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
  return events += ResponseEvent(status_ == Status::kQueued ? "response.queued" : "response.in_progress");
}

std::string ResponseBuilder::Queued() { return ResponseEvent("response.queued"); }

std::string ResponseBuilder::InProgress() {
  status_ = Status::kInProgress;
  return ResponseEvent("response.in_progress");
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

std::string ResponseBuilder::AddItem(ResponseItem item) {
  std::string events = CloseItem(false);
  output_.push_back(std::move(item));
  JsonValue members;
  members["output_index"] = output_.size() - 1;
  members["item"] = ItemJson(output_.back());
  events += Event("response.output_item.added", members);
  return events + Event("response.output_item.done", std::move(members));
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

// A local_shell_call has its action in place of arguments.
void ResponseBuilder::ShowLocalShellCall(ResponseItem& item) const {
  item.json = Dump(JsonValue{{"id", item.id},
                             {"type", "local_shell_call"},
                             {"status", item.status},
                             {"call_id", item.call_id},
                             {"action", LocalShellAction(item.arguments)}});
}

std::string ResponseBuilder::OpenCall(const ToolCallDelta& call) {
  std::string events = CloseItem(false);
  ResponseItem& item = output_.emplace_back();
  item.kind = call.custom ? Kind::kCustomCall : Kind::kFunctionCall;
  item.status = "in_progress";
  item.call_id = call.id;
  item.name = call.name;
  const std::vector<ToolSpec>& tools = *tools_;
  const auto tool = std::find_if(tools.begin(), tools.end(), [&](const ToolSpec& t) { return t.name == call.name; });
  is_local_shell_ = tool != tools.end() && tool->local_shell;
  item.id = ids_.Next(call.custom ? "ctc_" : is_local_shell_ ? "lsh_" : "fc_");
  if (is_local_shell_) ShowLocalShellCall(item);
  if (tool != tools.end() && !tool->space.empty()) {
    item.space = tool->space;
    item.name = tool->own_name;
  }
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
  ResponseItem& item = output_.back();
  const bool custom = item.kind == Kind::kCustomCall;
  (custom ? item.text : item.arguments) += arguments;
  if (is_local_shell_) return {};  // there is no event for a part of an action
  JsonValue delta = Position();
  delta["delta"] = arguments;
  return Event(custom ? "response.custom_tool_call_input.delta" : "response.function_call_arguments.delta",
               std::move(delta));
}

std::string ResponseBuilder::CloseItem(bool cut) {
  if (!open_) return {};
  open_ = false;
  ResponseItem& item = output_.back();
  item.status = cut ? "incomplete" : "completed";
  std::string events;
  JsonValue done = Position();
  if (item.kind == Kind::kFunctionCall && is_local_shell_) {
    ShowLocalShellCall(item);
  } else if (item.kind == Kind::kFunctionCall) {
    done["name"] = item.name;
    done["arguments"] = item.arguments;
    events = Event("response.function_call_arguments.done", std::move(done));
  } else if (item.kind == Kind::kCustomCall) {
    done["input"] = item.text;
    events = Event("response.custom_tool_call_input.done", std::move(done));
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

std::string ResponseBuilder::Finish(Status status, const Usage& usage, const std::string& error, int64_t now) {
  std::string events;
  // An answer without a word still has its message, as clients expect one.
  const bool said = std::any_of(output_.begin(), output_.end(),
                                [](const ResponseItem& item) { return item.kind != Kind::kContextCompaction; });
  if (status == Status::kCompleted && !said && !only_compacts_) events = OpenMessage();
  events += CloseItem(status != Status::kCompleted);
  status_ = status;
  usage_ = usage;
  error_ = error;
  if (status == Status::kCompleted) completed_at_ = now;
  return events + End();
}

std::string ResponseBuilder::Interrupt(const std::string& reason) {
  std::string events = sequence_number_ == 0 ? ResponseEvent("response.created") : "";
  events += CloseItem(true);
  status_ = Status::kIncomplete;
  reason_ = reason;
  counted_ = false;
  return events + End();
}

std::string ResponseBuilder::End() {
  const char* type = status_ == Status::kCompleted    ? "response.completed"
                     : status_ == Status::kIncomplete ? "response.incomplete"
                                                      : "response.failed";
  return ResponseEvent(type);
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
