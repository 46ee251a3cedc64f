// Anthropic's door over a model that says what the test tells it to.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "api/json/error.h"
#include "server/endpoints/handlers.h"
#include "server/host/log.h"
#include "tests/server/scripted_model.h"
#include "tests/server/service_fixture.h"

namespace puna::server {
namespace {

using nlohmann::json;

const json kTools = json::parse(R"([{"name": "add", "input_schema": {"type": "object", "additionalProperties": false,
  "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["n"]}}])");

class Fixture {
 public:
  explicit Fixture(const std::string& script, std::chrono::microseconds step_time = {}, ServiceOptions options = {})
      : fixture_(Options(options), std::make_unique<ScriptedModel>(script, step_time)) {
    SetUpLog("off", "text");
    const std::string config =
        json{{"chat_template", "{% for m in messages %}{{ m.role[0] }}{{ m.content }}{% endfor %}"}}.dump();
    const auto bytes = std::as_bytes(std::span(config.data(), config.size()));
    service().chat = ChatFormat::Load(engine::FileSet::Memory("memory", {{"tokenizer_config.json", bytes}}), "");
  }

  Service& service() { return *fixture_.service; }

  HttpReply Ask(const json& more = json::object(), ByteSink* sink = nullptr) {
    json body = {{"model", "fake"},
                 {"messages", {{{"role", "user"}, {"content", "Hi"}}}},
                 {"temperature", 0},
                 {"max_tokens", 100}};
    body.update(more);
    HttpReply reply;
    Messages(service(), Post(body.dump()), reply);
    MemorySink own;
    Finish(reply, sink ? *sink : own);
    return reply;
  }
  json Whole(const json& more = json::object()) { return json::parse(Ask(more).body); }

  std::vector<json> Stream(json more = json::object()) {
    more["stream"] = true;
    MemorySink sink;
    Ask(more, &sink);
    std::vector<json> events;
    for (size_t at = 0; (at = sink.text.find("data: ", at)) != std::string::npos;) {
      const size_t end = sink.text.find('\n', at);
      events.push_back(json::parse(sink.text.substr(at + 6, end - at - 6)));
      at = end;
    }
    return events;
  }

 private:
  static ServiceOptions Options(ServiceOptions options) {
    options.max_model_len = 400;
    return options;
  }
  ServiceFixture fixture_;
};

TEST_CASE("a whole message") {
  const json message = Fixture("Hello.").Whole();
  CHECK(message["type"] == "message");
  CHECK(message["id"].get<std::string>().starts_with("msg_"));
  CHECK(message["content"] == json::parse(R"([{"type": "text", "text": "Hello.", "citations": null}])"));
  CHECK(message["stop_reason"] == "end_turn");
  CHECK(message["usage"]["input_tokens"] == 3);
  CHECK(message["usage"]["output_tokens"] == 7);
}

TEST_CASE("why it ends") {
  CHECK(Fixture("Hello.").Whole({{"max_tokens", 3}})["stop_reason"] == "max_tokens");
  const json stopped = Fixture("one STOP two").Whole({{"stop_sequences", {"nothing", "STOP"}}});
  CHECK(stopped["stop_reason"] == "stop_sequence");
  CHECK(stopped["stop_sequence"] == "STOP");
  CHECK(stopped["content"][0]["text"] == "one ");
  const std::string endless(1000, 'x');
  HttpReply reply = Fixture(endless).Ask({{"max_tokens", 32000}});
  CHECK(json::parse(reply.body)["stop_reason"] == "model_context_window_exceeded");
  CHECK(reply.headers.at("X-Puna-Warnings").find("max_tokens") != std::string::npos);
  CHECK(Fixture("x").Whole({{"max_tokens", 0}})["content"] == json::array());
}

TEST_CASE("calls, whole and streamed, are the same") {
  const std::string script = R"({"name": "add", "parameters": {"n": 5}})";
  const json whole = Fixture(script).Whole({{"tools", kTools}});
  CHECK(whole["stop_reason"] == "tool_use");
  REQUIRE(whole["content"].size() == 1);
  CHECK(whole["content"][0]["name"] == "add");
  CHECK(whole["content"][0]["id"].get<std::string>().starts_with("toolu_"));
  CHECK(whole["content"][0]["input"] == json{{"n", 5}});
  const auto events = Fixture(script).Stream({{"tools", kTools}});
  std::string input;
  for (const json& event : events)
    if (event["type"] == "content_block_delta") input += event["delta"]["partial_json"];
  CHECK(json::parse(input) == json{{"n", 5}});
  CHECK(events.back()["type"] == "message_stop");
  CHECK(events[events.size() - 2]["delta"]["stop_reason"] == "tool_use");
  CHECK(Fixture("no").Whole({{"tools", kTools}, {"tool_choice", {{"type", "any"}}}})["stop_reason"] == "tool_use");
  CHECK(Fixture("no").Whole({{"tools", kTools}, {"tool_choice", {{"type", "none"}}}})["content"][0]["text"] == "no");
}

TEST_CASE("the same prompt comes from the cache, and is counted apart") {
  Fixture fixture("Hello.");
  const json prompt = {{"system", std::string(100, 's')}, {"max_tokens", 1}};
  const json first = fixture.Whole(prompt)["usage"], second = fixture.Whole(prompt)["usage"];
  CHECK(first["cache_read_input_tokens"] == 0);
  CHECK(second["cache_read_input_tokens"] > 50);
  CHECK(second["input_tokens"].get<int>() + second["cache_read_input_tokens"].get<int>() == first["input_tokens"]);
}

TEST_CASE("pings while the model is silent") {
  ServiceOptions options;
  options.config.keep_alive_comment_s = 1;
  const auto events = Fixture("ab", std::chrono::milliseconds(1300), options).Stream({{"max_tokens", 2}});
  CHECK(std::count(events.begin(), events.end(), json{{"type", "ping"}}) >= 2);
}

TEST_CASE("a prompt that is too long is told in the words that Claude Code reads") {
  try {
    Fixture("x").Ask({{"messages", {{{"role", "user"}, {"content", std::string(500, 'x')}}}}});
    FAIL("accepted");
  } catch (const api::ApiError& error) {
    CHECK(error.status() == 400);
    CHECK(error.message() == "prompt is too long: 501 tokens > 399 maximum");
  }
}

TEST_CASE("tokens are counted as they would be computed") {
  Fixture fixture("x");
  HttpReply reply;
  CountMessageTokens(fixture.service(), Post(R"({"model": "fake", "messages": [{"role": "user", "content": "Hi"}]})"),
                     reply);
  CHECK(json::parse(reply.body) == json{{"input_tokens", 3}});
}

}  // namespace
}  // namespace puna::server
