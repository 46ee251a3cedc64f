#include "api/fields/template_json.h"

#include "api/json/raw_json.h"

namespace puna::api {

namespace {

// Puts `value` in place of a member of `object` (a part of `json`) that is not there, or null.
void SetMissing(const char* name, std::string_view value, std::string_view object, std::string& json) {
  const std::string_view old = RawMember(object, name);
  if (old == "null") {
    json.replace(static_cast<size_t>(old.data() - json.data()), old.size(), value);
  } else if (old.empty()) {
    const auto end = static_cast<size_t>(object.data() + object.size() - 1 - json.data());
    json.insert(end, std::string(", \"").append(name).append("\": ").append(value));
  }
}

std::string Completed(std::string json) {
  SetMissing("description", "\"\"", RawMember(json, "function"), json);
  SetMissing("parameters", R"({"type": "object", "properties": {}})", RawMember(json, "function"), json);
  // PHP writes an empty object like an empty array.
  const std::string_view properties = RawMember(RawMember(RawMember(json, "function"), "parameters"), "properties");
  if (properties.starts_with('[') && RawElements(properties).empty())
    json.replace(static_cast<size_t>(properties.data() - json.data()), properties.size(), "{}");
  return json;
}

// One turn with several calls and the `results` after it.
void SplitTurn(const Message& turn, std::vector<const Message*> results, std::vector<Message>& out) {
  for (const ToolCall& call : turn.tool_calls) {
    Message single = turn;
    single.tool_calls = {call};
    if (&call != &turn.tool_calls.front()) single.content.clear();
    out.push_back(std::move(single));
    for (const Message*& result : results) {
      if (!result || call.id.empty() || result->tool_call_id != call.id) continue;
      out.push_back(*result);
      result = nullptr;
    }
  }
  for (const Message* result : results) {
    if (result) out.push_back(*result);
  }
}

}  // namespace

std::string TemplateToolsJson(const std::vector<ToolSpec>& tools) {
  std::string out = "[";
  for (const ToolSpec& tool : tools) {
    if (out.size() > 1) out += ", ";
    out += Completed(tool.json);
  }
  return out + ']';
}

std::vector<Message> SplitToolCalls(const std::vector<Message>& messages) {
  std::vector<Message> out;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].tool_calls.size() < 2) {
      out.push_back(messages[i]);
      continue;
    }
    const Message& turn = messages[i];
    std::vector<const Message*> results;
    while (i + 1 < messages.size() && messages[i + 1].role == "tool") results.push_back(&messages[++i]);
    SplitTurn(turn, std::move(results), out);
  }
  return out;
}

}  // namespace puna::api
