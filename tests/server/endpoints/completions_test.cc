// Handlers over a fake model: what is the same for all endpoints that generate.
#include <doctest/doctest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "api/json/error.h"
#include "server/endpoints/handlers.h"
#include "server/host/log.h"
#include "tests/server/service_fixture.h"
#include "tests/support/wait.h"

namespace puna::server {
namespace {

using nlohmann::json;

// A model that cannot compute.
class BrokenModel : public engine::FakeModel {
 public:
  BrokenModel() : FakeModel(Options()) {}
  engine::MatView<const float> Forward(const engine::ForwardInput&) override {
    throw std::runtime_error("out of luck");
  }

 private:
  static engine::FakeModelOptions Options() {
    engine::FakeModelOptions options;
    options.vocab_size = kPythonTag + 1;
    return options;
  }
};

json Complete(Service& service, const json& body) {
  HttpReply reply;
  Completions(service, Post(body.dump()), reply);
  Finish(reply);
  return json::parse(reply.body);
}

int StatusOf(Service& service, const json& body) {
  try {
    Complete(service, body);
  } catch (const api::ApiError& error) {
    return error.status();
  }
  return 200;
}

// The text of a stream, its payloads apart.
std::vector<std::string> Payloads(const std::string& text) {
  std::vector<std::string> payloads;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find("\n\n", begin);
    REQUIRE(end != std::string::npos);
    const std::string event = text.substr(begin, end - begin);
    if (event.rfind("data: ", 0) == 0) payloads.push_back(event.substr(6));
    begin = end + 2;
  }
  return payloads;
}

const json kBody = {{"prompt", "Hello"}, {"max_tokens", 20}, {"temperature", 0}, {"ignore_eos", true}};

json With(json more) {
  json body = kBody;
  body.update(more);
  return body;
}

TEST_CASE("a stream says what the whole answer says") {
  SetUpLog("off", "text");
  ServiceFixture f;
  const json whole = Complete(*f.service, kBody);
  CHECK(whole["usage"]["completion_tokens"] == 20);
  CHECK(whole["usage"]["prompt_tokens"] == 6);  // with <|begin_of_text|>
  CHECK(whole["choices"][0]["finish_reason"] == "length");
  HttpReply reply;
  Completions(*f.service, Post(With({{"stream", true}}).dump()), reply);
  REQUIRE(reply.stream);
  MemorySink sink;
  Finish(reply, sink);
  std::string text;
  std::vector<std::string> payloads = Payloads(sink.text);
  REQUIRE(payloads.back() == "[DONE]");
  payloads.pop_back();
  for (const std::string& payload : payloads) text += json::parse(payload)["choices"][0]["text"].get<std::string>();
  CHECK(text == whole["choices"][0]["text"]);
  CHECK(reply.access->completion_tokens == 20);
  CHECK(reply.access->finish == "length");
}

TEST_CASE("choices of one request draw with seeds of their own, prompts are counted once each") {
  ServiceFixture f;
  const json body = With({{"n", 2}, {"prompt", {"Hello", "Hi"}}, {"temperature", 1}, {"seed", 3}});
  const json answer = Complete(*f.service, body);
  REQUIRE(answer["choices"].size() == 4);
  CHECK(answer["usage"]["prompt_tokens"] == 9);
  CHECK(answer["usage"]["completion_tokens"] == 80);
  CHECK(answer["choices"][0]["text"] != answer["choices"][1]["text"]);
  CHECK(answer["choices"][3]["index"] == 3);
  const json second = Complete(*f.service, With({{"prompt", "Hi"}, {"temperature", 1}, {"seed", 4}}));
  CHECK(second["choices"][0]["text"] == answer["choices"][3]["text"]);
}

// An answer of 1500 tokens then takes half a minute at least: it is there until its client leaves.
ServiceOptions LongAnswers() {
  ServiceOptions options;
  options.max_model_len = 2048;
  options.step_time = std::chrono::milliseconds(20);
  return options;
}

TEST_CASE("a client that leaves frees its sequences, streamed or not") {
  ServiceFixture f(LongAnswers());
  const auto cancelled = [&](uint64_t wanted) {
    return Comes([&] {
      const engine::EngineStats stats = f.service->engine->stats();
      return stats.finished_cancelled == wanted && stats.running + stats.waiting == 0;
    });
  };
  const json body = With({{"max_tokens", 1500}, {"n", 2}});
  {
    HttpReply reply;
    Completions(*f.service, Post(body.dump()), reply);
    MemorySink sink(0, 2);
    Finish(reply, sink);
    CHECK(reply.status == 499);
    CHECK(reply.access->finish == "client left");
  }
  CHECK(cancelled(2));
  {
    HttpReply reply;
    Completions(*f.service, Post(With({{"stream", true}, {"max_tokens", 1500}}).dump()), reply);
    MemorySink sink(2);
    Finish(reply, sink);
    CHECK(reply.access->finish == "client left");
    CHECK(sink.text.find("[DONE]") == std::string::npos);
  }
  CHECK(cancelled(3));
  // A stream that is never started, because the connection broke while its head was written.
  {
    HttpReply reply;
    Completions(*f.service, Post(With({{"stream", true}, {"max_tokens", 1500}}).dump()), reply);
  }
  CHECK(cancelled(4));
}

TEST_CASE("a full line is 429, a server that ends 503, and what can never fit 400") {
  ServiceOptions options = LongAnswers();
  options.max_num_seqs = 1;
  options.max_waiting = 1;
  ServiceFixture f(options);
  HttpReply first, second;
  Completions(*f.service, Post(With({{"stream", true}, {"max_tokens", 1500}}).dump()), first);
  Completions(*f.service, Post(With({{"stream", true}, {"max_tokens", 1500}}).dump()), second);
  CHECK(StatusOf(*f.service, kBody) == 429);
  CHECK(StatusOf(*f.service, With({{"n", 3}})) == 400);
  first = HttpReply();
  second = HttpReply();
  f.service->stopping = true;
  f.service->engine->Drain(kHang);
  CHECK(StatusOf(*f.service, kBody) == 503);
}

TEST_CASE("an engine that fails is a 500 before the stream, an error event in it") {
  ServiceFixture f({}, std::make_unique<BrokenModel>());
  CHECK(StatusOf(*f.service, kBody) == 500);
  HttpReply reply;
  Completions(*f.service, Post(With({{"stream", true}}).dump()), reply);
  MemorySink sink;
  Finish(reply, sink);
  const std::vector<std::string> payloads = Payloads(sink.text);
  REQUIRE(payloads.size() == 1);
  CHECK(json::parse(payloads[0])["error"]["type"] == "server_error");
  CHECK(reply.access->error == "internal_error");
}

TEST_CASE("a time limit ends the wait") {
  ServiceOptions options;
  options.step_time = std::chrono::milliseconds(20);
  options.config.request_timeout_s = 1;
  ServiceFixture f(options);
  CHECK(StatusOf(*f.service, With({{"max_tokens", 240}})) == 504);
}

TEST_CASE("comments break the silence of a stream that waits") {
  // The first token comes once a comment has been written.
  struct Opener : MemorySink {
    bool Write(std::string_view bytes) override {
      gate.Open();
      return MemorySink::Write(bytes);
    }
    Gate gate;
  } sink;
  ServiceOptions options;
  options.before_step = [&] { sink.gate.Pass(); };
  options.config.keep_alive_comment_s = 1;
  ServiceFixture f(options);
  HttpReply reply;
  Completions(*f.service, Post(With({{"stream", true}, {"max_tokens", 1}}).dump()), reply);
  Finish(reply, sink);
  CHECK(sink.text.starts_with(": keep-alive\n\n"));
  CHECK(sink.text.find("\n\ndata: {") != std::string::npos);
}

TEST_CASE("without a chat template chat is refused and says what to do") {
  ServiceFixture f;
  HttpReply reply;
  CHECK_THROWS_AS(ChatCompletions(*f.service, Post(R"({"messages": [{"role": "user", "content": "Hi"}]})"), reply),
                  api::ApiError);
}

}  // namespace
}  // namespace puna::server
