#include "api/endpoints/responses_past.h"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "api/fields/local_shell.h"

namespace puna::api {
namespace {

using JsonValue = nlohmann::ordered_json;
using Kind = ResponseItem::Kind;

// The bytes say what the token is: its text may have been no whole characters.
TokenLogprob TokenOf(const JsonValue& json) {
  TokenLogprob token;
  for (const JsonValue& byte : json.at("bytes")) token.bytes += static_cast<char>(byte.get<unsigned char>());
  json.at("logprob").get_to(token.logprob);
  return token;
}

void AddLogprobs(const JsonValue& list, ResponseItem& item) {
  for (const JsonValue& json : list) {
    PositionLogprobs& position = item.logprobs.emplace_back();
    position.token = TokenOf(json);
    for (const JsonValue& other : json.at("top_logprobs")) position.top.push_back(TokenOf(other));
  }
}

ResponseItem ItemOf(const JsonValue& json) {
  ResponseItem item;
  const std::string type = json.at("type");
  item.id = json.at("id");
  if (type == "compaction") {
    item.kind = Kind::kContextCompaction;
    json.at("encrypted_content").get_to(item.sealed);
    return item;
  }
  item.status = json.at("status");
  item.role = json.value("role", "");
  item.call_id = json.value("call_id", "");
  item.name = json.value("name", "");
  item.space = json.value("namespace", "");
  if (type == "message") return item;
  item.kind = type == "custom_tool_call" ? Kind::kCustomCall : Kind::kFunctionCall;
  if (type != "local_shell_call") return item;
  item.name = "local_shell";
  item.arguments = LocalShellArguments(json.at("action"));
  item.json = json.dump();
  return item;
}

ResponseItem& Last(PastEvents& past) {
  if (!past.open) throw std::runtime_error("an event of an item that is not there");
  return past.output.back();
}

void Take(const JsonValue& event, PastEvents& past) {
  const std::string type = event.at("type");
  past.next_number = event.at("sequence_number").get<int64_t>() + 1;
  if (type == "response.output_item.added") {
    past.output.push_back(ItemOf(event.at("item")));
    past.open = true;
  } else if (type == "response.output_text.delta") {
    Last(past).text += event.at("delta").get<std::string>();
    AddLogprobs(event.at("logprobs"), Last(past));
  } else if (type == "response.function_call_arguments.delta") {
    Last(past).arguments += event.at("delta").get<std::string>();
  } else if (type == "response.custom_tool_call_input.delta") {
    Last(past).text += event.at("delta").get<std::string>();
  } else if (type == "response.output_item.done") {
    ResponseItem& item = Last(past);
    item.status = event.at("item").value("status", "");
    if (!item.json.empty()) item = ItemOf(event.at("item"));
    past.open = false;
  }
}

}  // namespace

PastEvents ReadPastEvents(std::string_view events) {
  constexpr std::string_view kData = "\ndata: ";
  PastEvents past;
  for (size_t begin = 0; begin < events.size();) {
    const size_t data = events.find(kData, begin), end = events.find("\n\n", begin);
    if (end == events.npos || data > end) throw std::runtime_error("what is kept of a response's events is no event");
    Take(JsonValue::parse(events.substr(data + kData.size(), end - data - kData.size())), past);
    begin = end + 2;
  }
  return past;
}

}  // namespace puna::api
