#include "api/endpoints/responses_builder.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace puna::api;
using nlohmann::json;
using Status = ResponseBuilder::Status;

namespace {

// The frames' payloads; checks the framing and that the name is the payload's type.
std::vector<json> Events(const std::string& frames) {
  std::vector<json> events;
  size_t i = 0;
  while (i < frames.size()) {
    const size_t end = frames.find("\n\n", i);
    REQUIRE(end != std::string::npos);
    const std::string frame = frames.substr(i, end - i);
    const size_t line = frame.find("\ndata: ");
    REQUIRE(frame.substr(0, 7) == "event: ");
    REQUIRE(line != std::string::npos);
    events.push_back(json::parse(frame.substr(line + 7)));
    CHECK(events.back()["type"] == frame.substr(7, line - 7));
    i = end + 2;
  }
  return events;
}

std::string Types(const std::vector<json>& events) {
  std::string types;
  for (const json& event : events) types += event["type"].get<std::string>().substr(9) + " ";
  return types;
}

}  // namespace

TEST_CASE("the events of a text answer, in order") {
  const ResponsesRequest request = ParseResponsesRequest(R"({"input": "Hi", "metadata": {"k": "v"}})");
  IdGenerator ids(1);
  ResponseBuilder builder(request, "demo", 1700000000, ids);
  std::string frames = builder.Start();
  frames += builder.Add({"Hel", {}});
  frames += builder.Add({"lo", {}});
  frames += builder.Finish(Status::kCompleted, {5, 2, 3, 0, 0, 3});
  const std::vector<json> events = Events(frames);
  CHECK(Types(events) ==
        "created in_progress output_item.added content_part.added output_text.delta "
        "output_text.delta "
        "output_text.done content_part.done output_item.done completed ");
  for (size_t i = 0; i < events.size(); ++i) CHECK(events[i]["sequence_number"] == i);
  CHECK(events[0]["response"]["status"] == "in_progress");
  CHECK(events[0]["response"]["usage"].is_null());
  const std::string item = events[2]["item"]["id"];
  CHECK(item.substr(0, 4) == "msg_");
  CHECK(events[2]["item"]["content"] == json::array());
  CHECK(events[3]["item_id"] == item);
  CHECK(events[3]["part"] == json::parse(R"({"type":"output_text","text":"","annotations":[],"logprobs":[]})"));
  CHECK(events[4]["delta"] == "Hel");
  CHECK(events[4]["item_id"] == item);
  CHECK(events[4]["output_index"] == 0);
  CHECK(events[4]["content_index"] == 0);
  CHECK(events[6]["text"] == "Hello");
  CHECK(events[7]["part"]["text"] == "Hello");
  CHECK(events[8]["item"]["status"] == "completed");
  const json& response = events[9]["response"];
  CHECK(response == json::parse(builder.Json()));
  CHECK(response["id"] == builder.id());
  CHECK(response["object"] == "response");
  CHECK(response["created_at"] == 1700000000);
  CHECK(response["status"] == "completed");
  CHECK(response["output"][0]["content"][0]["text"] == "Hello");
  CHECK(response["metadata"] == json::parse(R"({"k": "v"})"));
  CHECK(response["text"]["format"]["type"] == "text");
  CHECK(response["tool_choice"] == "auto");
  CHECK(response["tools"] == json::array());
  CHECK(response["usage"] ==
        json::parse(R"({"input_tokens":5,"input_tokens_details":{"cached_tokens":2,"cache_write_tokens":3},
    "output_tokens":3,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":8})"));
}

TEST_CASE("a response object has every member that Open Responses demands, from the first event on") {
  const ResponsesRequest request = ParseResponsesRequest(
      R"({"input": "Hi", "prompt_cache_key": "k", "safety_identifier": "s", "presence_penalty": 0.5})");
  IdGenerator ids(1);
  ResponseBuilder builder(request, "demo", 1700000000, ids);
  const std::vector<json> first = Events(builder.Start());
  const std::vector<json> alive = Events(builder.InProgress());
  const std::vector<json> last = Events(builder.Finish(Status::kCompleted, {5, 2, 3}, "", 1700000009));
  for (const json* event : {&first[0], &first[1], &alive[0], &last.back()}) {
    const json& response = (*event)["response"];
    for (const char* member : {"id",
                               "object",
                               "created_at",
                               "completed_at",
                               "status",
                               "incomplete_details",
                               "model",
                               "previous_response_id",
                               "instructions",
                               "output",
                               "error",
                               "tools",
                               "tool_choice",
                               "truncation",
                               "parallel_tool_calls",
                               "text",
                               "top_p",
                               "presence_penalty",
                               "frequency_penalty",
                               "top_logprobs",
                               "temperature",
                               "reasoning",
                               "usage",
                               "max_output_tokens",
                               "max_tool_calls",
                               "store",
                               "background",
                               "service_tier",
                               "metadata",
                               "safety_identifier",
                               "prompt_cache_key"})
      CHECK_MESSAGE(response.contains(member), member);
  }
  CHECK(alive[0]["type"] == "response.in_progress");
  CHECK(alive[0]["sequence_number"] == 2);
  CHECK(first[0]["response"]["completed_at"].is_null());
  const json& response = last.back()["response"];
  CHECK(response["completed_at"] == 1700000009);
  CHECK(response["prompt_cache_key"] == "k");
  CHECK(response["safety_identifier"] == "s");
  CHECK(response["presence_penalty"] == 0.5);
  CHECK(response["frequency_penalty"] == 0);
}

TEST_CASE("text, then two calls") {
  const ResponsesRequest request = ParseResponsesRequest(
      R"({"input": "Hi", "tools": [{"type": "function", "name": "f"}], "tool_choice": "required"})");
  IdGenerator ids(1);
  ResponseBuilder builder(request, "demo", 1, ids);
  std::string frames = builder.Start();
  frames += builder.Add({"Look.", {}});
  frames += builder.Add({"", {{0, "call_1", "f", ""}, {0, "", "", "{\"a\""}}});
  frames += builder.Add({"", {{0, "", "", ":1}"}, {1, "call_2", "g", ""}, {1, "", "", "{}"}}});
  frames += builder.Finish(Status::kCompleted, {});
  const std::vector<json> events = Events(frames);
  CHECK(Types(events) ==
        "created in_progress output_item.added content_part.added output_text.delta "
        "output_text.done content_part.done "
        "output_item.done output_item.added function_call_arguments.delta "
        "function_call_arguments.delta "
        "function_call_arguments.done output_item.done output_item.added "
        "function_call_arguments.delta "
        "function_call_arguments.done output_item.done completed ");
  CHECK(events[8]["item"]["call_id"] == "call_1");
  CHECK(events[8]["item"]["arguments"] == "");
  CHECK(events[8]["output_index"] == 1);
  CHECK(events[11]["arguments"] == "{\"a\":1}");
  CHECK(events[11]["item_id"] == events[8]["item"]["id"]);
  const json response = events.back()["response"];
  REQUIRE(response["output"].size() == 3);
  CHECK(response["output"][1]["type"] == "function_call");
  CHECK(response["output"][1]["arguments"] == "{\"a\":1}");
  CHECK(response["output"][2]["name"] == "g");
  CHECK(response["tools"][0] ==
        json::parse(R"({"type":"function","name":"f","description":null,"parameters":null,"strict":null})"));
  CHECK(response["tool_choice"] == "required");
  CHECK(builder.output().size() == 3);
}

TEST_CASE("a local_shell call has an action in place of arguments, and can be sent back") {
  const ResponsesRequest request = ParseResponsesRequest(R"({"input": "Hi", "tools": [{"type": "local_shell"}]})");
  IdGenerator ids(1);
  ResponseBuilder builder(request, "demo", 0, ids);
  std::string frames = builder.Add({"", {{0, "call_1", "local_shell", R"({"command": ["l)", false}}});
  frames += builder.Add({"", {{0, "", "", R"(s", "-l"], "timeout_ms": 5})", false}}});
  frames += builder.Finish(Status::kCompleted, {});
  const std::vector<json> events = Events(frames);
  CHECK(Types(events) == "output_item.added output_item.done completed ");
  CHECK(events[0]["item"]["type"] == "local_shell_call");
  CHECK(events[0]["item"]["action"] == json::parse(R"({"type": "exec", "command": [], "env": {}})"));
  const json& item = events[1]["item"];
  CHECK(item["id"] == events[0]["item"]["id"]);
  CHECK(item["id"].get<std::string>().starts_with("lsh_"));
  CHECK(item["call_id"] == "call_1");
  CHECK(item["status"] == "completed");
  CHECK(item["action"] == json::parse(R"({"type": "exec", "command": ["ls", "-l"], "env": {}, "timeout_ms": 5})"));
  CHECK(events[2]["response"]["output"][0] == item);
  const ResponsesRequest next = ParseResponsesRequest(
      json{{"input", {item, {{"type", "local_shell_call_output"}, {"call_id", "call_1"}, {"output", "total 0"}}}}}
          .dump());
  REQUIRE(next.input.size() == 2);
  CHECK(json::parse(next.input[0].arguments) == json::parse(builder.output()[0].arguments));
}

TEST_CASE("a local_shell call that is cut has no command") {
  const ResponsesRequest request = ParseResponsesRequest(R"({"input": "Hi", "tools": [{"type": "local_shell"}]})");
  IdGenerator ids(1);
  ResponseBuilder builder(request, "demo", 0, ids);
  builder.Add({"", {{0, "call_1", "local_shell", R"({"command": ["l)", false}}});
  builder.Finish(Status::kIncomplete, {});
  const json item = json::parse(builder.Json())["output"][0];
  CHECK(item["status"] == "incomplete");
  CHECK(item["action"]["command"].empty());
}

TEST_CASE("a cut answer is incomplete, a failed one says why") {
  const ResponsesRequest request = ParseResponsesRequest(R"({"input": "Hi", "max_output_tokens": 3})");
  IdGenerator ids(1);
  ResponseBuilder cut(request, "demo", 1, ids);
  cut.Start();
  cut.Add({"Hel", {}});
  json response = Events(cut.Finish(Status::kIncomplete, {})).back()["response"];
  CHECK(response["status"] == "incomplete");
  CHECK(response["incomplete_details"]["reason"] == "max_output_tokens");
  CHECK(response["output"][0]["status"] == "incomplete");
  CHECK(response["max_output_tokens"] == 3);
  ResponseBuilder failed(request, "demo", 1, ids);
  const json event = Events(failed.Finish(Status::kFailed, {}, "out of luck")).back();
  CHECK(event["type"] == "response.failed");
  CHECK(event["response"]["error"]["message"] == "out of luck");
  CHECK(failed.id() != cut.id());
}

TEST_CASE("an empty answer has its message") {
  const ResponsesRequest request = ParseResponsesRequest(R"({"input": "Hi"})");
  IdGenerator ids(1);
  ResponseBuilder builder(request, "demo", 1, ids);
  builder.Finish(Status::kCompleted, {});
  CHECK(json::parse(builder.Json())["output"][0]["content"][0]["text"] == "");
}

TEST_CASE("a compaction is added and done at once, is no answer, and is found again in the events") {
  ResponsesRequest request = ParseResponsesRequest(R"({"input": "Hi"})");
  ResponseItem compaction;
  compaction.kind = ResponseItem::Kind::kContextCompaction;
  compaction.id = "cmp_1";
  compaction.sealed = "sealed";
  for (const bool only : {false, true}) {
    CAPTURE(only);
    request.only_compacts = only;
    IdGenerator ids(1);
    ResponseBuilder builder(request, "demo", 1, ids);
    const std::string begun = builder.Json();
    const std::string frames = builder.Start() + builder.AddItem(compaction);
    CHECK(Types(Events(frames)) == "created in_progress output_item.added output_item.done ");
    CHECK(Events(frames)[3]["item"] ==
          json::parse(R"({"id":"cmp_1","type":"compaction","encrypted_content":"sealed"})"));
    ResponseBuilder again(begun, frames, ids);
    again.Interrupt("server_restarted");
    REQUIRE(again.output().size() == 1);
    CHECK(again.output()[0].kind == ResponseItem::Kind::kContextCompaction);
    CHECK(again.output()[0].sealed == "sealed");
    builder.Finish(Status::kCompleted, {});
    CHECK(json::parse(builder.Json())["output"].size() == (only ? 1 : 2));
  }
}

TEST_CASE("log-probabilities stand in the deltas and in the end") {
  const ResponsesRequest request = ParseResponsesRequest(R"({"input": "Hi"})");
  IdGenerator ids(1);
  ResponseBuilder builder(request, "demo", 1, ids);
  PositionLogprobs position;
  position.token = {1, "Hi", -0.25};
  position.top.push_back({2, "Ho", -2});
  const std::vector<PositionLogprobs> logprobs(1, position);
  const std::vector<json> events = Events(builder.Add({"Hi", {}}, logprobs));
  CHECK(events.back()["logprobs"][0]["token"] == "Hi");
  CHECK(events.back()["logprobs"][0]["top_logprobs"][0]["logprob"] == -2.0);
  builder.Finish(Status::kCompleted, {});
  CHECK(json::parse(builder.Json())["output"][0]["content"][0]["logprobs"].size() == 1);
}

TEST_CASE("lists and deletion") {
  CHECK(DeletedResponseJson("resp_1") == R"({"id":"resp_1","object":"response","deleted":true})");
  const json list = json::parse(ItemListJson(ParseResponsesRequest(R"({"input": "Hi"})").input));
  CHECK(list["data"][0]["content"][0] == json::parse(R"({"type":"input_text","text":"Hi"})"));
  CHECK(list["has_more"] == false);
}
