#include "api/json/error.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "api/fields/sse.h"

using namespace puna::api;
using nlohmann::json;

TEST_CASE("OpenAI's error object") {
  const json error = json::parse(MissingField("model").ToJson());
  CHECK(error["error"]["type"] == "invalid_request_error");
  CHECK(error["error"]["param"] == "model");
  CHECK(error["error"]["code"] == "missing_required_parameter");
  CHECK(error["error"]["message"] == "Missing required parameter: 'model'.");
  CHECK(json::parse(MalformedBody("x").ToJson())["error"]["param"].is_null());
}

TEST_CASE("statuses and codes that clients go by") {
  CHECK(ContextLengthExceeded(8192, 9000, "messages").status() == 400);
  CHECK(ContextLengthExceeded(8192, 9000, "messages").code() == "context_length_exceeded");
  CHECK(ContextLengthExceeded(8192, 9000, "messages").message().find("9000 tokens") != std::string::npos);
  CHECK(InvalidApiKey().status() == 401);
  CHECK(InvalidApiKey().code() == "invalid_api_key");
  CHECK(ModelNotFound("x", "y").status() == 404);
  CHECK(ModelNotFound("x", "y").code() == "model_not_found");
  CHECK(UnknownPath("GET", "/x").status() == 404);
  CHECK(MethodNotAllowed("GET", "/x", "POST").status() == 405);
  CHECK(PayloadTooLarge(100).status() == 413);
  CHECK(UnsupportedContentType("text/plain").status() == 415);
  CHECK(Overloaded(3).status() == 429);
  CHECK_FALSE(Overloaded(3).queue_position());
  CHECK(Overloaded(3, 7).queue_position() == 8);
  CHECK(Overloaded(3, 7).message().find("number 8 in line") != std::string::npos);
  CHECK(Overloaded(3).retry_after() == 3);
  CHECK(Internal("x").status() == 500);
  CHECK(ShuttingDown(5).status() == 503);
  CHECK_FALSE(Internal("x").retry_after().has_value());
}

TEST_CASE("odd bytes and long names do no harm") {
  const std::string text = ModelNotFound("\xff\x01" + std::string(1'000'000, 'x'), "demo").ToJson();
  CHECK(text.size() < 1000);
  CHECK(json::accept(text));
}

TEST_CASE("events are framed as OpenAI does") {
  CHECK(SseData("{}") == "data: {}\n\n");
  CHECK(SseEvent("response.created", "{}") == "event: response.created\ndata: {}\n\n");
  CHECK(SseComment("waiting") == ": waiting\n\n");
  CHECK(kSseDone == "data: [DONE]\n\n");
}
