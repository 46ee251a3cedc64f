#include "api/endpoints/messages_response.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/fields/sse.h"
#include "api/json/error_form.h"
#include "api/json/raw_json.h"

namespace puna::api {

using OrderedJson = nlohmann::ordered_json;

namespace {

std::string Event(const OrderedJson& payload) {
  return SseEvent(payload.at("type").get_ref<const std::string&>(), Dump(payload));
}

// Anthropic's ids of calls begin otherwise.
std::string ToolUseId(const std::string& id) {
  constexpr std::string_view kOurs = "call_";
  return id.starts_with(kOurs) ? "toolu_" + id.substr(kOurs.size()) : id;
}

OrderedJson OrNull(const std::string& text) { return text.empty() ? OrderedJson() : OrderedJson(text); }

OrderedJson TextBlock(const std::string& text) { return {{"type", "text"}, {"text", text}, {"citations", nullptr}}; }

OrderedJson ToolUseBlock(const std::string& id, const std::string& name, OrderedJson input) {
  return {
      {"type", "tool_use"}, {"id", id}, {"name", name}, {"input", std::move(input)}, {"caller", {{"type", "direct"}}}};
}

OrderedJson NothingEdited() { return {{"applied_edits", OrderedJson::array()}}; }

}  // namespace

// What came from the prefix cache is counted apart from the rest of the input.
OrderedJson MessageBuilder::UsageJson() const {
  OrderedJson json;
  json["input_tokens"] = usage_.prompt_tokens - usage_.cached_tokens;
  json["output_tokens"] = usage_.completion_tokens;
  json["cache_creation_input_tokens"] = 0;
  json["cache_read_input_tokens"] = usage_.cached_tokens;
  json["cache_creation"] = {{"ephemeral_5m_input_tokens", 0}, {"ephemeral_1h_input_tokens", 0}};
  for (const char* name : {"inference_geo", "output_tokens_details", "server_tool_use"}) json[name] = nullptr;
  json["service_tier"] = "standard";
  json["speed"] = nullptr;
  return json;
}

OrderedJson MessageBuilder::MessageJson(const OrderedJson& content) const {
  OrderedJson json;
  json["id"] = head_.id;
  json["type"] = "message";
  json["role"] = "assistant";
  json["model"] = head_.model;
  json["content"] = content;
  json["stop_reason"] = OrNull(end_.stop_reason);
  json["stop_sequence"] = OrNull(end_.stop_sequence);
  json["stop_details"] = nullptr;
  json["container"] = nullptr;
  json["diagnostics"] = nullptr;
  if (head_.diagnostics) json["diagnostics"]["cache_miss_reason"]["type"] = "unavailable";
  if (head_.context_management) json["context_management"] = NothingEdited();
  json["usage"] = UsageJson();
  return json;
}

std::string MessageBuilder::Start() const {
  MessageBuilder begun(head_);
  begun.usage_.prompt_tokens = head_.prompt_tokens;
  return Event({{"type", "message_start"}, {"message", begun.MessageJson(OrderedJson::array())}}) + Ping();
}

std::string MessageBuilder::Ping() { return Event({{"type", "ping"}}); }

std::string MessageBuilder::Error(const ApiError& error, const std::string& request_id) {
  return SseEvent("error", ErrorJson(error, ErrorForm::kAnthropic, request_id));
}

std::string MessageBuilder::Delta(const char* type, const char* member, const std::string& text) const {
  return Event(
      {{"type", "content_block_delta"}, {"index", blocks_.size() - 1}, {"delta", {{"type", type}, {member, text}}}});
}

std::string MessageBuilder::Open(Block block) {
  std::string events = Close();
  const OrderedJson shown = block.is_call ? ToolUseBlock(block.id, block.name, OrderedJson::object()) : TextBlock("");
  blocks_.push_back(std::move(block));
  open_ = true;
  return events + Event({{"type", "content_block_start"}, {"index", blocks_.size() - 1}, {"content_block", shown}});
}

std::string MessageBuilder::Close() {
  if (!open_) return {};
  open_ = false;
  return Event({{"type", "content_block_stop"}, {"index", blocks_.size() - 1}});
}

std::string MessageBuilder::AddText(const std::string& text) {
  std::string events;
  if (!open_ || blocks_.back().is_call) events = Open({});
  blocks_.back().text += text;
  return events + Delta("text_delta", "text", text);
}

std::string MessageBuilder::AddCall(const ToolCallDelta& call) {
  std::string events;
  if (!call.id.empty()) events = Open({true, "", ToolUseId(call.id), call.name});
  if (call.arguments.empty()) return events;
  blocks_.back().text += call.arguments;
  return events + Delta("input_json_delta", "partial_json", call.arguments);
}

std::string MessageBuilder::Add(const OutputDelta& delta) {
  std::string events;
  if (!delta.content.empty()) events = AddText(delta.content);
  for (const ToolCallDelta& call : delta.calls) events += AddCall(call);
  return events;
}

std::string MessageBuilder::EmptyDelta() {
  const bool in_call = open_ && blocks_.back().is_call;
  return in_call ? Delta("input_json_delta", "partial_json", "") : AddText("");
}

std::string MessageBuilder::Finish(const MessageEnd& end, const Usage& usage) {
  end_ = end;
  usage_ = usage;
  const OrderedJson delta = {{"stop_reason", end.stop_reason},
                             {"stop_sequence", OrNull(end.stop_sequence)},
                             {"stop_details", nullptr},
                             {"container", nullptr}};
  OrderedJson last = {{"type", "message_delta"}, {"delta", delta}, {"usage", UsageJson()}};
  if (head_.context_management) last["context_management"] = NothingEdited();
  const std::string closing = Close();
  return closing + Event(last) + Event({{"type", "message_stop"}});
}

std::string MessageBuilder::Json() const {
  OrderedJson content = OrderedJson::array();
  for (const Block& block : blocks_) {
    if (!block.is_call)
      content.push_back(TextBlock(block.text));
    else if (IsJsonObject(block.text))
      content.push_back(ToolUseBlock(block.id, block.name, OrderedJson::parse(block.text)));
  }
  return Dump(MessageJson(content));
}

std::string CountTokensJson(size_t count) { return Dump({{"input_tokens", count}}); }

}  // namespace puna::api
