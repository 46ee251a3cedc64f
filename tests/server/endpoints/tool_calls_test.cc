// tool_choice auto over a model that would rather call something else: once a call begins, it is one
// of those offered, and its arguments keep to the schema.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "server/endpoints/handlers.h"
#include "server/host/log.h"
#include "tests/server/scripted_model.h"
#include "tests/server/service_fixture.h"

namespace puna::server {
namespace {

using nlohmann::json;

const json kTools = json::parse(R"([
  {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "additionalProperties": false,
    "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["n"]}}},
  {"type": "function", "function": {"name": "stop"}}])");

json Ask(const std::string& script, bool hermes, json more = {}, bool ends = true) {
  SetUpLog("off", "text");
  ServiceFixture fixture({.max_model_len = 400}, std::make_unique<ScriptedModel>(script, std::chrono::microseconds(0)));
  const std::string config = json{{"chat_template", std::string(hermes ? "{# <tool_call> #}" : "") +
                                                        "{% for m in messages %}{{ m.content }}{% endfor %}"}}
                                 .dump();
  fixture.service->chat = ChatFormat::Load(
      engine::FileSet::Memory("memory",
                              {{"tokenizer_config.json", std::as_bytes(std::span(config.data(), config.size()))}}),
      "");
  if (!ends) fixture.service->end_ids.clear();
  json body = {{"messages", {{{"role", "user"}, {"content", "Hi"}}}},
               {"tools", kTools},
               {"temperature", 0},
               {"max_tokens", 300}};
  if (!more.is_null()) body.update(more);
  HttpReply reply;
  ChatCompletions(*fixture.service, Post(body.dump()), reply);
  Finish(reply);
  return json::parse(reply.body)["choices"][0];
}

void CheckCall(const json& choice) {
  CAPTURE(choice.dump());
  REQUIRE(choice["message"].contains("tool_calls"));
  for (const json& call : choice["message"]["tool_calls"]) {
    const std::string name = call["function"]["name"];
    const json arguments = json::parse(call["function"]["arguments"].get<std::string>());
    if (name == "add") {
      CHECK(arguments.size() == 1);
      CHECK((arguments["n"].is_number_integer() && arguments["n"] >= 1 && arguments["n"] <= 9));
    } else {
      CHECK(name == "stop");
      CHECK(arguments == json::object());
    }
  }
}

TEST_CASE("Hermes' calls keep to what is offered, wherever they begin") {
  for (const std::string script :
       {"I shall call. <tool_call>\n{\"name\": \"add\", \"arguments\": {\"n\": 70}}\n</tool_call> and so on",
        "<tool_call>{\"arguments\": {\"n\": 5}, \"name\": \"delete\"}</tool_call>",
        "<tool_<tool_call>\n{\"name\": \"stop\", \"arguments\": {\"x\": 1}}\n</tool_call>\n<tool_call>\n{\"name\": "
        "\"evil\""}) {
    const json choice = Ask(script, true);
    CHECK(choice["finish_reason"] == "tool_calls");
    CheckCall(choice);
  }
  CHECK(Ask("I shall call. <tool_call>", true)["message"]["content"] == "I shall call.");
}

TEST_CASE("text that is no call stays as it is") {
  for (const std::string script :
       {"A <tool_cal is not a <tool_calm> one.", "{\"name\": \"evil\", \"arguments\": {}}"}) {
    const json choice = Ask(script, true);
    CHECK(choice["message"]["content"] == script);
    CHECK(choice["finish_reason"] == "stop");
  }
}

TEST_CASE("Llama's calls keep to what is offered") {
  CheckCall(Ask("{\"name\": \"add\", \"parameters\": {\"n\": 123}}", false));
  CheckCall(Ask("{\"name\": \"evil\", \"parameters\": {}}", false));
  CheckCall(Ask("So: <function=evil>{\"n\": \"x\"}</function>", false));
  const std::string pythonic = "[evil(a=1)]";
  CHECK(Ask(pythonic, false)["message"]["content"] == pythonic);
}

TEST_CASE("a demanded call that is cut shows nothing of itself as content") {
  const json demand = {{"tool_choice", "required"}};
  for (const bool hermes : {true, false}) {
    for (int length = 1; length < 40; ++length) {
      json more = demand;
      more["max_tokens"] = length;
      const json choice = Ask("x", hermes, more);
      CAPTURE(choice.dump());
      CHECK(choice["finish_reason"] == "length");
      CHECK((choice["message"]["content"].is_null() || choice["message"]["content"] == ""));
    }
  }
}

TEST_CASE("a model without an end token ends where its form does") {
  const json form = {{"type", "json_schema"}, {"json_schema", {{"name", "n"}, {"schema", {{"const", json::array()}}}}}};
  const json chosen = Ask("x", false, {{"response_format", form}, {"tool_choice", "none"}}, /*ends=*/false);
  CHECK(chosen["finish_reason"] == "stop");
  CHECK(chosen["message"]["content"] == "[]");
  for (const bool hermes : {true, false}) {
    for (const json& choice : {json("required"), json("auto")}) {
      const std::string script = hermes ? "<tool_call>\n{\"name\": \"add" : "{\"name\": \"add";
      const json answer = Ask(script, hermes, {{"tool_choice", choice}}, /*ends=*/false);
      CHECK(answer["finish_reason"] == "tool_calls");
      CHECK(answer["message"]["tool_calls"].size() == 1);
      CheckCall(answer);
    }
  }
}

TEST_CASE("calls hold also where the answer has to go on") {
  for (const json& more : {json{{"ignore_eos", true}}, json{{"min_tokens", 200}}}) {
    for (const bool hermes : {true, false}) {
      const json choice = Ask(hermes ? "<tool_call>\n{\"name\": \"evil" : "{\"name\": \"evil", hermes, more);
      CHECK(choice["message"]["tool_calls"].size() >= 1);
      CheckCall(choice);
    }
  }
}

}  // namespace
}  // namespace puna::server
