#include "api/json/error_form.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace puna::api;
using nlohmann::json;

TEST_CASE("the form goes by the path, and by the version header where protocols share it") {
  CHECK(ErrorFormOf("/v1/messages", false) == ErrorForm::kAnthropic);
  CHECK(ErrorFormOf("/v1/messages/count_tokens", false) == ErrorForm::kAnthropic);
  CHECK(ErrorFormOf("/v1/messages_of_ours", true) == ErrorForm::kOpenAi);
  CHECK(ErrorFormOf("/api/chat", false) == ErrorForm::kOllama);
  CHECK(ErrorFormOf("/api/v0/models", false) == ErrorForm::kOpenAi);
  CHECK(ErrorFormOf("/api/v1/models", false) == ErrorForm::kOpenAi);
  CHECK(ErrorFormOf("/api/v0x", false) == ErrorForm::kOllama);
  CHECK(ErrorFormOf("/apis", false) == ErrorForm::kOpenAi);
  CHECK(ErrorFormOf("/v1/models", false) == ErrorForm::kOpenAi);
  CHECK(ErrorFormOf("/v1/models", true) == ErrorForm::kAnthropic);
  CHECK(ErrorFormOf("/v1/models/x", true) == ErrorForm::kAnthropic);
  CHECK(ErrorFormOf("/v1/chat/completions", true) == ErrorForm::kOpenAi);
}

TEST_CASE("Anthropic's object, with its name for each status") {
  const std::pair<ApiError, const char*> errors[] = {{MissingField("model"), "invalid_request_error"},
                                                     {MissingApiKey(), "authentication_error"},
                                                     {UnknownPath("GET", "/"), "not_found_error"},
                                                     {MethodNotAllowed("GET", "/", "POST"), "invalid_request_error"},
                                                     {PayloadTooLarge(1), "request_too_large"},
                                                     {Overloaded(1), "rate_limit_error"},
                                                     {Internal("x"), "api_error"},
                                                     {ShuttingDown(1), "overloaded_error"},
                                                     {{529, "", "", ""}, "overloaded_error"},
                                                     {{403, "", "", ""}, "permission_error"},
                                                     {{504, "", "", ""}, "timeout_error"},
                                                     {{402, "", "", ""}, "billing_error"}};
  for (const auto& [error, type] : errors) {
    const json body = json::parse(ErrorJson(error, ErrorForm::kAnthropic, "req_1"));
    CHECK(body["type"] == "error");
    CHECK(body["error"]["type"] == type);
    CHECK(body["error"]["message"] == error.message());
    CHECK(body["request_id"] == "req_1");
  }
  CHECK(ErrorJson(Internal("x"), ErrorForm::kOpenAi, "req_1") == Internal("x").ToJson());
}

TEST_CASE("Ollama's object is its message") {
  CHECK(ErrorJson(Internal("x"), ErrorForm::kOllama, "") == R"({"error":"The server failed: x"})");
}

TEST_CASE("what is wrong stays wrong, what is busy may do better") {
  for (const int status : {400, 401, 403, 404, 413}) CHECK_FALSE(MayDoBetter(status));
  for (const int status : {408, 429, 500, 503, 529}) CHECK(MayDoBetter(status));
}
