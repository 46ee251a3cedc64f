#include "api/endpoints/messages_response.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

using namespace puna::api;
using nlohmann::json;

namespace {

MessageBuilder Builder() { return MessageBuilder({"msg_1", "m", 19, false, false}); }

// The payloads; the framing must be exact, and each event is named by its type.
std::vector<json> Events(const std::string& framed) {
  std::vector<json> events;
  std::istringstream lines(framed);
  std::string name, data, blank;
  while (std::getline(lines, name)) {
    REQUIRE(std::getline(lines, data));
    REQUIRE(std::getline(lines, blank));
    CHECK(blank.empty());
    REQUIRE(name.starts_with("event: "));
    REQUIRE(data.starts_with("data: "));
    events.push_back(json::parse(data.substr(6)));
    CHECK(events.back()["type"] == name.substr(7));
  }
  return events;
}

std::vector<std::string> Types(const std::string& framed) {
  std::vector<std::string> types;
  for (const json& event : Events(framed)) types.push_back(event["type"]);
  return types;
}

const Usage kUsage = {.prompt_tokens = 19, .cached_tokens = 16, .completion_tokens = 8};
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("text: from message_start to message_stop") {
  MessageBuilder builder = Builder();
  const auto begin = Events(builder.Start());
  REQUIRE(begin.size() == 2);
  CHECK(begin[0]["type"] == "message_start");
  const json& message = begin[0]["message"];
  CHECK(message["content"] == json::array());
  CHECK(message["stop_reason"].is_null());
  CHECK(message["usage"]["input_tokens"] == 19);
  CHECK(message["usage"]["cache_read_input_tokens"] == 0);
  CHECK(message["usage"]["output_tokens"] == 0);
  CHECK(begin[1] == json{{"type", "ping"}});
  const auto first = Events(builder.Add({"Pa", {}}));
  REQUIRE(first.size() == 2);
  CHECK(first[0]["content_block"] == json{{"type", "text"}, {"text", ""}, {"citations", nullptr}});
  CHECK(first[0]["index"] == 0);
  CHECK(first[1]["delta"] == json{{"type", "text_delta"}, {"text", "Pa"}});
  CHECK(Types(builder.Add({"ris", {}})) == Names{"content_block_delta"});
  CHECK(builder.Add({}).empty());
  const auto end = Events(builder.Finish({"stop_sequence", "."}, kUsage));
  REQUIRE(end.size() == 3);
  CHECK(end[0] == json{{"type", "content_block_stop"}, {"index", 0}});
  CHECK(end[1]["delta"]["stop_reason"] == "stop_sequence");
  CHECK(end[1]["delta"]["stop_sequence"] == ".");
  CHECK(end[1]["usage"]["input_tokens"] == 3);
  CHECK(end[1]["usage"]["cache_read_input_tokens"] == 16);
  CHECK(end[1]["usage"]["cache_creation_input_tokens"] == 0);
  CHECK(end[1]["usage"]["output_tokens"] == 8);
  CHECK(end[2] == json{{"type", "message_stop"}});
  const json whole = json::parse(builder.Json());
  CHECK(whole["content"].size() == 1);
  CHECK(whole["content"][0]["text"] == "Paris");
  CHECK(whole["role"] == "assistant");
  CHECK(whole["stop_sequence"] == ".");
}

TEST_CASE("calls: blocks of their own, one after the other, with no text block before") {
  MessageBuilder builder = Builder();
  const auto first = Events(builder.Add({"", {{0, "call_1", "look", "{\"q\""}}}));
  REQUIRE(first.size() == 2);
  CHECK(first[0]["content_block"]["type"] == "tool_use");
  CHECK(first[0]["content_block"]["id"] == "toolu_1");
  CHECK(first[0]["content_block"]["input"] == json::object());
  CHECK(first[1]["delta"] == json{{"type", "input_json_delta"}, {"partial_json", "{\"q\""}});
  const auto second = Events(builder.Add({"", {{0, "", "", ": 1}"}, {1, "call_2", "now", ""}, {1, "", "", "{}"}}}));
  REQUIRE(second.size() == 4);
  CHECK(second[1] == json{{"type", "content_block_stop"}, {"index", 0}});
  CHECK(second[2]["index"] == 1);
  CHECK(Types(builder.Finish({"tool_use", ""}, kUsage)) ==
        Names{"content_block_stop", "message_delta", "message_stop"});
  const json whole = json::parse(builder.Json());
  REQUIRE(whole["content"].size() == 2);
  CHECK(whole["content"][0]["input"] == json{{"q", 1}});
  CHECK(whole["content"][1]["input"] == json::object());
  CHECK(whole["stop_sequence"].is_null());
}

TEST_CASE("a call that was cut has no input, and the whole message does not have it") {
  MessageBuilder builder = Builder();
  builder.Add({"So: ", {{0, "call_1", "look", "{\"q"}}});
  builder.Finish({"max_tokens", ""}, kUsage);
  CHECK(json::parse(builder.Json())["content"].size() == 1);
}

TEST_CASE("an empty delta keeps patient clients, whatever is open") {
  MessageBuilder builder = Builder();
  CHECK(Types(builder.EmptyDelta()) == Names{"content_block_start", "content_block_delta"});
  CHECK(Types(builder.EmptyDelta()) == Names{"content_block_delta"});
  CHECK(Types(builder.Add({"", {{0, "call_1", "look", "{"}}})) ==
        Names{"content_block_stop", "content_block_start", "content_block_delta"});
  CHECK(Events(builder.EmptyDelta())[0]["delta"]["partial_json"] == "");
}

TEST_CASE("an empty answer, and what is said only when asked for") {
  MessageBuilder builder({"msg_1", "m", 3, true, true});
  const auto end = Events(builder.Finish({"max_tokens", ""}, {.prompt_tokens = 3}));
  CHECK(end.size() == 2);
  CHECK(end[0]["context_management"]["applied_edits"] == json::array());
  const json whole = json::parse(builder.Json());
  CHECK(whole["content"] == json::array());
  CHECK(whole["diagnostics"]["cache_miss_reason"]["type"] == "unavailable");
  CHECK(json::parse(CountTokensJson(7)) == json{{"input_tokens", 7}});
}

TEST_CASE("an error in the stream has Anthropic's form") {
  const json event = Events(MessageBuilder::Error(ShuttingDown(1), "req_1")).at(0);
  CHECK(event["error"]["type"] == "overloaded_error");
  CHECK(event["request_id"] == "req_1");
}
