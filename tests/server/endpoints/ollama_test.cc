// Ollama's door over a model that says what the test tells it to.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "api/json/error.h"
#include "server/endpoints/handlers.h"
#include "server/host/log.h"
#include "tests/server/scripted_model.h"
#include "tests/server/service_fixture.h"

namespace puna::server {
namespace {

using nlohmann::json;

class Fixture {
 public:
  explicit Fixture(const std::string& script) : fixture_({.max_model_len = 100}, Model(script)) {
    SetUpLog("off", "text");
    const std::string config = json{{"chat_template", "{% for m in messages %}{{ m.content }}{% endfor %}"}}.dump();
    const auto bytes = std::as_bytes(std::span(config.data(), config.size()));
    service().chat = ChatFormat::Load(engine::FileSet::Memory("memory", {{"tokenizer_config.json", bytes}}), "");
  }
  Service& service() { return *fixture_.service; }

  HttpReply Chat(json more, ByteSink& sink) {
    json body = {{"model", "fake:latest"}, {"messages", {{{"role", "user"}, {"content", "Hi"}}}}};
    body.update(more);
    HttpReply reply;
    OllamaChat(service(), Post(body.dump()), reply);
    Finish(reply, sink);
    return reply;
  }
  json Whole(json more) {
    more["stream"] = false;
    MemorySink sink;
    return json::parse(Chat(more, sink).body);
  }

 private:
  static std::unique_ptr<engine::Model> Model(const std::string& script) {
    return std::make_unique<ScriptedModel>(script, std::chrono::microseconds(0));
  }
  ServiceFixture fixture_;
};

TEST_CASE("an answer, line by line and whole") {
  MemorySink sink;
  const HttpReply reply = Fixture("Hello.").Chat({{"options", {{"temperature", 0}}}}, sink);
  CHECK(reply.content_type == "application/x-ndjson");
  std::istringstream lines(sink.text);
  std::string text;
  json last;
  for (std::string line; std::getline(lines, line);) {
    last = json::parse(line);
    text += last["message"]["content"];
    CHECK(last["model"] == "fake:latest");
  }
  CHECK(text == "Hello.");
  CHECK(last["done"] == true);
  CHECK(last["done_reason"] == "stop");
  CHECK(last["prompt_eval_count"] == 2);
  CHECK(last["eval_count"] == 7);
  CHECK(last["eval_duration"].get<int64_t>() > 0);
  CHECK(Fixture("Hello.").Whole({{"options", {{"temperature", 0}}}})["message"]["content"] == "Hello.");
  const json cut = Fixture("Hello.").Whole({{"options", {{"temperature", 0}, {"num_predict", 2}}}});
  CHECK(cut["done_reason"] == "length");
}

TEST_CASE("a conversation that is too long loses its oldest messages, and says so; or is refused") {
  json messages = json::array({{{"role", "system"}, {"content", "Sys"}}});
  for (int i = 0; i < 10; ++i)
    messages.push_back({{"role", i % 2 ? "assistant" : "user"}, {"content", std::string(20, 'x')}});
  messages.push_back({{"role", "user"}, {"content", "last"}});
  MemorySink sink;
  Fixture fixture("y");
  const HttpReply reply = fixture.Chat({{"messages", messages}, {"stream", false}}, sink);
  CHECK(json::parse(reply.body)["prompt_eval_count"] == 87);  // Sys, four of the ten, last
  CHECK(reply.headers.at("X-Puna-Warnings").find("the oldest 6 messages") != std::string::npos);
  const json bounded = fixture.Whole({{"messages", messages}, {"options", {{"num_ctx", 50}}}});
  CHECK(bounded["prompt_eval_count"] == 47);
  CHECK_THROWS_AS(fixture.Whole({{"messages", messages}, {"truncate", false}}), api::ApiError);
}

TEST_CASE("nothing asked for is answered at once, and another model is none") {
  Fixture fixture("x");
  CHECK(fixture.Whole({{"messages", json::array()}})["done_reason"] == "load");
  CHECK(fixture.Whole({{"messages", json::array()}, {"keep_alive", 0}})["done_reason"] == "unload");
  try {
    fixture.Whole({{"model", "other"}});
    FAIL("accepted");
  } catch (const api::ApiError& error) {
    CHECK(error.status() == 404);
    CHECK(error.message().starts_with("model 'other' not found"));
  }
}

TEST_CASE("lists name the model, and strangers cannot change it") {
  Fixture fixture("x");
  Router router;
  AddOllama(fixture.service(), router);
  const auto call = [&](const char* method, const char* path, const std::string& body) {
    HttpReply reply;
    HttpRequest request = Post(body);
    request.path = path;
    (*router.Find(method, path).handler)(request, reply);
    return reply.body;
  };
  CHECK(json::parse(call("GET", "/api/tags", ""))["models"][0]["name"] == "fake:latest");
  CHECK(json::parse(call("GET", "/api/ps", ""))["models"][0]["context_length"] == 100);
  CHECK(json::parse(call("POST", "/api/show", R"({"name": "fake"})"))["model_info"]["llama.context_length"] == 100);
  CHECK(call("POST", "/api/pull", R"({"name": "fake", "stream": false})") == R"({"status":"success"})");
  CHECK(call("POST", "/api/pull", R"({"name": "fake"})").ends_with("{\"status\":\"success\"}\n"));
  CHECK_THROWS_AS(call("POST", "/api/pull", R"({"name": "other"})"), api::ApiError);
  CHECK_THROWS_AS(call("DELETE", "/api/delete", R"({"name": "fake"})"), api::ApiError);
  CHECK_THROWS_AS(call("POST", "/api/copy", "{}"), api::ApiError);
  CHECK(json::parse(call("POST", "/api/embeddings", R"({"model": "fake", "prompt": ""})"))["embedding"].empty());
}

}  // namespace
}  // namespace puna::server
