// POST /v1/embeddings over a fake model.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "api/endpoints/embeddings.h"
#include "api/json/error.h"
#include "engine/text/base64.h"
#include "server/endpoints/handlers.h"
#include "server/host/log.h"
#include "tests/server/service_fixture.h"
#include "tests/support/wait.h"

namespace puna::server {
namespace {

using nlohmann::json;

json Embed(Service& service, const json& body) {
  SetUpLog("off", "text");
  HttpReply reply;
  Embeddings(service, Post(body.dump()), reply);
  Finish(reply);
  return json::parse(reply.body);
}

api::ApiError ErrorOf(Service& service, const json& body) {
  try {
    Embed(service, body);
  } catch (const api::ApiError& error) {
    return error;
  }
  FAIL("no error");
  std::abort();
}

double Length(const json& vector) {
  double squares = 0;
  for (const double value : vector) squares += value * value;
  return std::sqrt(squares);
}

TEST_CASE("each input gets its vector, whatever stands beside it") {
  ServiceFixture f;
  const json one = Embed(*f.service, {{"input", "Hello"}});
  CHECK(one["object"] == "list");
  CHECK(one["model"] == "fake");
  CHECK(one["usage"] == json{{"prompt_tokens", 6}, {"total_tokens", 6}});
  REQUIRE(one["data"].size() == 1);
  CHECK(one["data"][0]["embedding"].size() == engine::FakeModel::kHiddenSize);
  CHECK(Length(one["data"][0]["embedding"]) == doctest::Approx(1));
  // More inputs than the engine holds at a time.
  json inputs = json::array();
  for (int i = 0; i < 100; ++i) inputs.push_back(i == 37 ? "Hello" : "text " + std::to_string(i));
  const json many = Embed(*f.service, {{"input", inputs}});
  REQUIRE(many["data"].size() == 100);
  for (int i = 0; i < 100; ++i) {
    CHECK(many["data"][i]["index"] == i);
    CHECK((many["data"][i]["embedding"] == one["data"][0]["embedding"]) == (i == 37));
  }
  CHECK(Comes(
      [&] { return f.service->engine->stats().finished_length == 101; }));  // they are told behind the last answer
}

TEST_CASE("token ids, without the begin-of-text token, pooled by the last") {
  ServiceFixture f;
  const json ids = Embed(*f.service, {{"input", {72, 105}}});
  CHECK(ids["usage"]["prompt_tokens"] == 2);
  CHECK(ids == Embed(*f.service, {{"input", "Hi"}, {"add_special_tokens", false}}));
  CHECK(ids["data"][0] == Embed(*f.service, {{"input", {{72, 105}, {72}}}})["data"][0]);
  const json last = Embed(*f.service, {{"input", {72, 105}}, {"pooling", "last"}});
  CHECK(last["data"][0]["embedding"] != ids["data"][0]["embedding"]);
  CHECK(Length(last["data"][0]["embedding"]) == doctest::Approx(1));
  // One token: mean and last are the same.
  CHECK(Embed(*f.service, {{"input", {72}}}) == Embed(*f.service, {{"input", {72}}, {"pooling", "last"}}));
}

TEST_CASE("base64 holds the same numbers") {
  ServiceFixture f;
  const json numbers = Embed(*f.service, {{"input", "x"}})["data"][0]["embedding"];
  const std::string text = Embed(*f.service, {{"input", "x"}, {"encoding_format", "base64"}})["data"][0]["embedding"];
  std::string bytes;
  for (const json& number : numbers) {
    const auto value = number.get<float>();
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);  // little-endian, as all our machines are
  }
  CHECK(text == text::ToBase64(bytes));
}

TEST_CASE("errors name the input") {
  ServiceFixture f;
  CHECK(ErrorOf(*f.service, {{"model", "fake"}}).param() == "input");
  CHECK(ErrorOf(*f.service, {{"input", ""}}).param() == "input");
  CHECK(ErrorOf(*f.service, {{"input", {"a", ""}}}).param() == "input[1]");
  CHECK(ErrorOf(*f.service, {{"input", json::array()}}).param() == "input");
  CHECK(ErrorOf(*f.service, {{"input", {1, 100000}}}).param() == "input");
  CHECK(ErrorOf(*f.service, {{"input", {"a", std::string(300, 'x')}}}).code() == "context_length_exceeded");
  CHECK(ErrorOf(*f.service, {{"input", {"a", std::string(300, 'x')}}}).param() == "input[1]");
  CHECK(ErrorOf(*f.service, {{"input", "x"}, {"dimensions", 4}}).param() == "dimensions");
  CHECK(ErrorOf(*f.service, {{"input", "x"}, {"model", "other"}}).status() == 404);
  f.service->aliases = {"other"};
  CHECK(Embed(*f.service, {{"input", "x"}, {"model", "other"}})["model"] == "fake");
}

TEST_CASE("a client that leaves takes its inputs along") {
  ServiceFixture f({.step_time = std::chrono::microseconds(1000)});
  json inputs = json::array();
  for (int i = 0; i < 500; ++i) inputs.push_back("text " + std::to_string(i));
  HttpReply reply;
  Embeddings(*f.service, Post(json{{"input", inputs}}.dump()), reply);
  MemorySink sink(1, 3);
  Finish(reply, sink);
  CHECK(reply.status == 499);
  CHECK(f.service->engine->stats().finished_length < 300);
}

}  // namespace
}  // namespace puna::server
