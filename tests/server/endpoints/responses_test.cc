// /v1/responses over a model that says what the test tells it to.
#include <doctest/doctest.h>

#include <future>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "api/json/error.h"
#include "tests/server/endpoints/responses_fixture.h"

namespace puna::server {
namespace {

using nlohmann::json;
using Fixture = ResponsesFixture;

std::vector<json> Events(const std::string& text, size_t first = 0) {
  std::vector<json> events;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find("\n\n", begin);
    REQUIRE(end != std::string::npos);
    const std::string event = text.substr(begin, end - begin);
    const size_t data = event.find("\ndata: ");
    REQUIRE(event.rfind("event: ", 0) == 0);
    events.push_back(json::parse(event.substr(data + 7)));
    CHECK(event.substr(7, data - 7) == events.back()["type"]);
    CHECK(events.back()["sequence_number"] == first + events.size() - 1);
    begin = end + 2;
  }
  return events;
}

const json kWeather = {{"type", "function"},
                       {"name", "get_weather"},
                       {"parameters", {{"type", "object"}, {"properties", json::object()}}}};

TEST_CASE("room is found for what a request names, before it is read") {
  Fixture f("yes");
  const std::string first = f.Create({{"input", "Hi"}})["id"];
  const std::string item = f.Create({{"input", "Hi"}})["output"][0]["id"];
  const std::string conversation = json::parse(
      f.Call("POST", "/v1/conversations", json{{"items", {{{"role", "user"}, {"content", "Hi"}}}}}.dump()).body)["id"];
  const json reference = {{"type", "item_reference"}, {"id", item}};
  for (const json& body :
       {json{{"input", "on"}, {"previous_response_id", first}}, json{{"input", "on"}, {"conversation", conversation}},
        json{{"input", {reference, reference}}}}) {
    CAPTURE(body.dump());
    const std::string text = body.dump();
    HttpRequest request = Post(text);
    size_t taken = 0, calls = 0;
    request.take_memory = [&](size_t bytes) {
      taken += bytes;
      ++calls;
    };
    HttpReply reply;
    Responses(*f.service, request, reply);
    CHECK(taken > 20);
    CHECK(calls == (body["input"].is_array() ? 2 : 1));
    request.take_memory = [](size_t) { throw api::ApiError(503, "server_error", "request_memory_full", "full"); };
    CHECK_THROWS_AS(Responses(*f.service, request, reply), api::ApiError);
  }
}

TEST_CASE("create, retrieve, list the input, delete") {
  Fixture f("Hello.");
  const HttpReply reply =
      f.Call("POST", "/v1/responses", R"({"input": "Hi", "instructions": "Be brief.", "metadata": {"a": "b"}})");
  const json response = json::parse(reply.body);
  CHECK(reply.headers.at("X-Puna-Store") == "memory");
  CHECK(response["status"] == "completed");
  CHECK(response["output"][0]["content"][0]["text"] == "Hello.");
  CHECK(response["usage"]["output_tokens"] == 7);  // with the end token
  CHECK(response["metadata"]["a"] == "b");
  const std::string path = "/v1/responses/" + response["id"].get<std::string>();
  CHECK(json::parse(f.Call("GET", path).body) == response);
  const json items = json::parse(f.Call("GET", path + "/input_items").body);
  REQUIRE(items["data"].size() == 1);
  CHECK(items["data"][0]["content"][0]["text"] == "Hi");
  CHECK(items["data"][0]["id"].get<std::string>().rfind("msg_", 0) == 0);
  CHECK(f.CodeOf("POST", path + "/cancel") == "400 response_already_ended ");
  CHECK(json::parse(f.Call("DELETE", path).body)["deleted"] == true);
  CHECK(f.CodeOf("GET", path) == "404 response_not_found ");
  CHECK(f.CodeOf("DELETE", path) == "404 response_not_found ");
  CHECK(f.CodeOf("POST", path + "/cancel") == "404 response_not_found ");
  CHECK(f.CodeOf("GET", path + "/input_items") == "404 response_not_found ");
  CHECK(f.service->responses->bytes() == ResponseStore().bytes());
}

TEST_CASE("the stream tells the same as the whole") {
  Fixture f("Hello.");
  HttpReply reply =
      f.Call("POST", "/v1/responses",
             R"({"input": "Hi", "stream": true, "include": ["message.output_text.logprobs"], "top_logprobs": 1})");
  REQUIRE(reply.stream);
  MemorySink sink;
  Finish(reply, sink);
  const std::vector<json> events = Events(sink.text);
  std::string text;
  size_t logprobs = 0;
  std::set<std::string> types;
  for (const json& event : events) {
    types.insert(event["type"]);
    if (event["type"] != "response.output_text.delta") continue;
    text += event["delta"];
    logprobs += event["logprobs"].size();
  }
  CHECK(text == "Hello.");
  CHECK(logprobs == 6);
  CHECK(types == std::set<std::string>{"response.created", "response.in_progress", "response.output_item.added",
                                       "response.content_part.added", "response.output_text.delta",
                                       "response.output_text.done", "response.content_part.done",
                                       "response.output_item.done", "response.completed"});
  const json& last = events.back()["response"];
  CHECK(last["usage"]["output_tokens"] == 7);
  CHECK(json::parse(f.Call("GET", "/v1/responses/" + last["id"].get<std::string>()).body) == last);
  CHECK(reply.access->finish == "stop");
}

TEST_CASE("response.in_progress comes again while the model is silent, numbered and kept like every event") {
  Fixture f("ab", std::chrono::milliseconds(1300), 256, /*keep_alive_s=*/1);
  HttpReply reply = f.Call("POST", "/v1/responses", R"({"input": "Hi", "stream": true, "max_output_tokens": 16})");
  MemorySink sink;
  Finish(reply, sink);
  CHECK(sink.text.find("\n: ") == std::string::npos);  // no comment, which Codex would not count
  const std::vector<json> events = Events(sink.text);
  const auto alive = std::count_if(events.begin(), events.end(),
                                   [](const json& event) { return event["type"] == "response.in_progress"; });
  CHECK(alive >= 3);  // the one of the beginning, and one for each of two silences at least
  CHECK(events[2]["type"] == "response.in_progress");  // while the prompt was computed
  CHECK(events[2]["response"]["status"] == "in_progress");
  CHECK(events[2]["response"]["id"] == events[0]["response"]["id"]);
  CHECK(events.back()["type"] == "response.completed");
  HttpReply again =
      f.Call("GET", "/v1/responses/" + events[0]["response"]["id"].get<std::string>(), "", {{"stream", "true"}});
  MemorySink out;
  Finish(again, out);
  CHECK(out.text == sink.text);
}

TEST_CASE("events can be read again, from any number on, streamed at first or not") {
  Fixture f("Hello.");
  HttpReply reply = f.Call("POST", "/v1/responses", R"({"input": "Hi", "stream": true})");
  MemorySink sink;
  Finish(reply, sink);
  const std::vector<json> events = Events(sink.text);
  const std::string path = "/v1/responses/" + events[0]["response"]["id"].get<std::string>();
  const auto replay = [&](const std::string& at, const std::map<std::string, std::string>& query) {
    HttpReply again = f.Call("GET", at, "", query);
    REQUIRE(again.stream);
    MemorySink out;
    Finish(again, out);
    return out.text;
  };
  CHECK(replay(path, {{"stream", "true"}}) == sink.text);
  const std::vector<json> rest = Events(replay(path, {{"stream", "true"}, {"starting_after", "3"}}), 4);
  CHECK(rest[0]["sequence_number"] == 4);
  CHECK(rest.size() == events.size() - 4);
  CHECK(replay(path, {{"stream", "true"}, {"starting_after", "4000000000"}}).empty());
  CHECK(f.CodeOf("GET", path, {}, {{"stream", "true"}, {"starting_after", "-1"}}) ==
        "400 invalid_value starting_after");
  CHECK(f.CodeOf("GET", path, {}, {{"stream", "yes"}}) == "400 invalid_value stream");
  const std::string whole = "/v1/responses/" + f.Create({{"input", "Hi"}})["id"].get<std::string>();
  CHECK(Events(replay(whole, {{"stream", "true"}})).size() == events.size());
  f.Call("DELETE", path);
  CHECK(f.CodeOf("GET", path, {}, {{"stream", "true"}}) == "404 response_not_found ");
}

// Tells what was written first.
class TellingSink : public MemorySink {
 public:
  bool Write(std::string_view bytes) override {
    if (text.empty()) first.set_value(std::string(bytes));
    return MemorySink::Write(bytes);
  }
  std::promise<std::string> first;
};

TEST_CASE("a second reader follows a response while it is made") {
  Fixture f(std::string(150, 'x'), std::chrono::milliseconds(1));
  HttpReply reply = f.Call("POST", "/v1/responses", R"({"input": "Hi", "stream": true})");
  TellingSink sink;
  std::thread maker([&] { Finish(reply, sink); });
  const json created = Events(sink.first.get_future().get())[0];
  MemorySink follower;
  HttpReply second =
      f.Call("GET", "/v1/responses/" + created["response"]["id"].get<std::string>(), "", {{"stream", "true"}});
  Finish(second, follower);
  maker.join();
  CHECK(follower.text == sink.text);
}

TEST_CASE("calls become items, and their outputs go on from a stored response") {
  Fixture f("<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {}}\n</tool_call>");
  const json first = f.Create({{"input", "Weather?"}, {"tools", {kWeather}}});
  REQUIRE(first["output"].size() == 1);
  const json& call = first["output"][0];
  CHECK(call["type"] == "function_call");
  CHECK(call["name"] == "get_weather");
  CHECK(call["arguments"] == "{}");
  const json output = {{"type", "function_call_output"}, {"call_id", call["call_id"]}, {"output", "sunny"}};
  const json second = f.Create({{"input", {output}}, {"previous_response_id", first["id"]}, {"store", false}});
  CHECK(second["previous_response_id"] == first["id"]);
  // As long as the same conversation told whole: the call's turn is there.
  const json whole = f.Create({{"input", {{{"role", "user"}, {"content", "Weather?"}}, call, output}}});
  CHECK(second["usage"]["input_tokens"] == whole["usage"]["input_tokens"]);
  const json referred = f.Create(
      {{"input",
        {{{"role", "user"}, {"content", "Weather?"}}, {{"type", "item_reference"}, {"id", call["id"]}}, output}}});
  CHECK(referred["usage"]["input_tokens"] == whole["usage"]["input_tokens"]);
  CHECK(f.CodeOf("GET", "/v1/responses/" + second["id"].get<std::string>()) == "404 response_not_found ");
  CHECK(f.CodeOf("POST", "/v1/responses", {{"input", "x"}, {"previous_response_id", second["id"]}}) ==
        "400 previous_response_not_found previous_response_id");
}

TEST_CASE("max_output_tokens cuts, and the response says so") {
  Fixture f("Hello.");
  const json response = f.Create({{"input", "Hi"}, {"max_output_tokens", 3}});
  CHECK(response["status"] == "incomplete");
  CHECK(response["incomplete_details"]["reason"] == "max_output_tokens");
  CHECK(response["output"][0]["content"][0]["text"] == "Hel");
  CHECK(response["output"][0]["status"] == "incomplete");
}

TEST_CASE("truncation auto drops the oldest, disabled refuses") {
  Fixture f("ok", {}, 128);
  json input = json::array();
  for (int i = 0; i < 9; ++i) input.push_back({{"role", "user"}, {"content", "123456789"}});
  json body = {{"input", input}, {"instructions", "S"}, {"max_output_tokens", 10}};
  CHECK(f.CodeOf("POST", "/v1/responses", body) == "400 context_length_exceeded input");
  body["truncation"] = "auto";
  const HttpReply reply = f.Call("POST", "/v1/responses", body.dump());
  // 1 + (8 + 1 + 1) of the system, 11 of the header, and 6 + 9 + 1 for each message that fits.
  CHECK(json::parse(reply.body)["usage"]["input_tokens"] == 22 + 6 * 16);
  CHECK(reply.headers.at("X-Puna-Warnings").find("oldest 3 messages") != std::string::npos);
  body["input"] = std::string(300, 'x');
  CHECK(f.CodeOf("POST", "/v1/responses", body) == "400 context_length_exceeded input");
}

TEST_CASE("a running response can be seen and cancelled from elsewhere") {
  Fixture f(std::string(200, 'x'), std::chrono::milliseconds(100));
  HttpReply reply = f.Call("POST", "/v1/responses", R"({"input": "Hi", "stream": true})");
  class FirstEvent : public MemorySink {
   public:
    bool Write(std::string_view bytes) override {
      const std::lock_guard lock(mutex);
      return MemorySink::Write(bytes);
    }
    std::string Text() {
      const std::lock_guard lock(mutex);
      return text;
    }
    std::mutex mutex;
  } sink;
  std::thread connection([&] { Finish(reply, sink); });
  while (sink.Text().find("output_text.delta") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const std::string text = sink.Text();
  const std::string path = "/v1/responses/" + text.substr(text.find("resp_"), 29);
  CHECK(json::parse(f.Call("GET", path).body)["status"] == "in_progress");
  CHECK(f.CodeOf("DELETE", path) == "400 response_in_progress ");
  CHECK(json::parse(f.Call("POST", path + "/cancel").body)["status"] == "cancelled");
  connection.join();
  CHECK(json::parse(f.Call("GET", path).body)["status"] == "cancelled");
  CHECK(json::parse(f.Call("POST", path + "/cancel").body)["status"] == "cancelled");
  CHECK(Events(sink.text).back()["response"]["status"] == "cancelled");
  CHECK(reply.access->finish == "cancelled");
}

TEST_CASE("what fails before anybody knows its id leaves nothing behind") {
  Fixture f("x", std::chrono::milliseconds(5));
  HttpReply reply;
  Responses(*f.service, Post(R"({"input": "Hi"})"), reply);
  MemorySink left(0);
  Finish(reply, left);
  CHECK(reply.status == 499);
  { const HttpReply unread = f.Call("POST", "/v1/responses", R"({"input": "Hi", "stream": true})"); }
  CHECK(f.service->responses->size() == 0);
  CHECK(f.service->responses->bytes() == ResponseStore().bytes());
}

TEST_CASE("a failure in the stream is a failed response") {
  Fixture f("x");
  HttpReply reply = f.Call("POST", "/v1/responses", R"({"input": "Hi", "stream": true})");
  f.service->engine->Drain(std::chrono::seconds(0));
  MemorySink sink;
  Finish(reply, sink);
  const json last = Events(sink.text).back();
  const bool failed = last["type"] == "response.failed" && last["response"]["status"] == "failed";
  const bool was_faster = last["type"] == "response.completed";
  CHECK((failed || was_faster));
}

TEST_CASE("input items in pages") {
  Fixture f("ok");
  json input = json::array();
  for (const char* text : {"1", "2", "3"}) input.push_back({{"role", "user"}, {"content", text}});
  const json response = f.Create({{"input", input}});
  const std::string path = "/v1/responses/" + response["id"].get<std::string>() + "/input_items";
  const auto page = [&](const std::map<std::string, std::string>& query) {
    return json::parse(f.Call("GET", path, "", query).body);
  };
  const json first = page({{"limit", "2"}});
  CHECK(first["has_more"] == true);
  CHECK(first["data"][0]["content"][0]["text"] == "3");
  const json rest = page({{"limit", "2"}, {"after", first["last_id"]}});
  CHECK(rest["has_more"] == false);
  CHECK(rest["data"][0]["content"][0]["text"] == "1");
  CHECK(page({{"order", "asc"}})["data"][0]["content"][0]["text"] == "1");
  CHECK(f.CodeOf("GET", path, {}, {{"limit", "0"}}) == "400 invalid_value limit");
  CHECK(f.CodeOf("GET", path, {}, {{"order", "up"}}) == "400 invalid_value order");
  CHECK(f.CodeOf("GET", path, {}, {{"after", "msg_x"}}) == "400 invalid_value after");
}

TEST_CASE("capabilities name what is served") {
  Fixture f("ok");
  const json capabilities = json::parse(f.Call("GET", "/v1/capabilities").body);
  CHECK(capabilities["endpoints"].contains("/v1/responses"));
  CHECK(capabilities["endpoints"].contains("/v1/embeddings"));
  CHECK(capabilities["stored_responses"]["where"] == "memory");
}

}  // namespace
}  // namespace puna::server
