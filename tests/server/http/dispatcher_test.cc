#include "server/http/dispatcher.h"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "api/json/error.h"
#include "server/host/log.h"

namespace puna::server {
namespace {

class Nothing : public ReplyTask {
 public:
  void Start(std::function<void()>) override {}
  std::optional<Clock::time_point> Advance(HttpReply&, ByteSink&) override { return std::nullopt; }
};

struct Outcome {
  HttpReply reply;
  bool body_read = false;
  std::string code() const { return nlohmann::json::parse(reply.body).at("error").at("code").get<std::string>(); }
};

class Fixture {
 public:
  explicit Fixture(std::vector<std::string> keys = {}, std::vector<std::string> origins = {})
      : dispatcher_(Routes(), ApiKeys(keys), Cors(std::move(origins)), HostNames({"puna.example"})) {
    SetUpLog("off", "text");
  }

  Outcome Call(const std::string& method, const std::string& path, std::map<std::string, std::string> headers = {},
               const std::string& body = "{}") const {
    Outcome outcome;
    HttpRequest request;
    request.id = "id-1";
    request.method = method;
    request.path = path;
    request.has_body = method == "POST";
    request.host = headers["Host"];
    if (method == "POST" && headers.count("Content-Type") == 0) headers["Content-Type"] = "application/json";
    request.header = [&](const std::string& name) { return headers[name]; };
    const Handler* handler = dispatcher_.Admit(request, outcome.reply);
    if (handler == nullptr) return outcome;
    outcome.body_read = true;
    request.body = body;
    try {
      (*handler)(request, outcome.reply);
    } catch (...) {
      ReplyWithCurrentException(outcome.reply);
    }
    return outcome;
  }

 private:
  static Router Routes() {
    Router router;
    router.Add("POST", "/echo", [](const HttpRequest& in, HttpReply& out) { out.body = in.body; });
    router.Add("POST", "/v1/short", [](const HttpRequest&, HttpReply&) {});
    router.Add("POST", "/v1/messages", [](const HttpRequest&, HttpReply&) { throw api::Overloaded(7); });
    router.Add("POST", "/api/chat", [](const HttpRequest&, HttpReply&) {});
    router.Add("GET", "/health", [](const HttpRequest&, HttpReply& out) { out.body = "{}"; });
    router.Add("GET", "/throw", [](const HttpRequest&, HttpReply&) { throw std::runtime_error("disk on fire"); });
    router.Add("GET", "/odd", [](const HttpRequest&, HttpReply&) { throw 1; });
    router.Add("GET", "/full", [](const HttpRequest&, HttpReply& out) {
      out.stream = std::make_unique<Nothing>();
      throw api::Overloaded(7);
    });
    return router;
  }

  Dispatcher dispatcher_;
};

TEST_CASE("a request in order reaches its handler") {
  const Outcome o = Fixture().Call("POST", "/echo", {{"Content-Type", "Application/JSON ; charset=utf-8"}}, "[1]");
  CHECK(o.reply.status == 200);
  CHECK(o.reply.body == "[1]");
  CHECK(o.reply.headers.at("X-Request-Id") == "id-1");
}

TEST_CASE("unknown path, wrong method, wrong type: before the body is read") {
  const Fixture f;
  Outcome o = f.Call("POST", "/nothing");
  CHECK(o.reply.status == 404);
  CHECK(o.code() == "unknown_url");
  CHECK_FALSE(o.body_read);
  CHECK(o.reply.body.find("Did you mean") == std::string::npos);
  CHECK(f.Call("POST", "/short").reply.body.find("Did you mean /v1/short?") != std::string::npos);
  o = f.Call("PUT", "/echo");
  CHECK(o.reply.status == 405);
  CHECK(o.reply.headers.at("Allow") == "POST, OPTIONS");
  CHECK(o.code() == "method_not_allowed");
  CHECK_FALSE(o.body_read);
  o = f.Call("POST", "/echo", {{"Content-Type", "application/x-www-form-urlencoded"}});
  CHECK(o.reply.status == 415);
  CHECK(o.code() == "unsupported_content_type");
  CHECK_FALSE(o.body_read);
}

TEST_CASE("a body without a type is JSON, unless a browser sends it for a page that no origin speaks for") {
  const Fixture f({}, {"http://localhost:3000"});
  const auto untyped = [&](std::map<std::string, std::string> headers) {
    headers["Content-Type"] = "";
    return f.Call("POST", "/echo", std::move(headers)).reply.status;
  };
  CHECK(untyped({}) == 200);
  CHECK(untyped({{"User-Agent", "Go-http-client/1.1"}, {"Accept", "*/*"}}) == 200);
  CHECK(untyped({{"Origin", "http://localhost:3000"}, {"Sec-Fetch-Site", "same-site"}}) == 200);
  CHECK(untyped({{"Origin", "http://evil.example"}}) == 403);
  CHECK(untyped({{"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}}) == 403);
  for (const char* of_browser : {"Sec-Fetch-Site", "Sec-Fetch-Mode", "Referer", "Cookie"}) {
    CAPTURE(of_browser);
    CHECK(untyped({{of_browser, "x"}}) == 415);
    CHECK(f.Call("POST", "/echo", {{of_browser, "x"}}).reply.status == 200);  // with a JSON type a page must ask first
  }
}

TEST_CASE("errors of every kind become OpenAI's object") {
  const Fixture f;
  Outcome o = f.Call("GET", "/throw");
  CHECK(o.reply.status == 500);
  CHECK(o.code() == "internal_error");
  o = f.Call("GET", "/full");
  CHECK(o.reply.status == 429);
  CHECK(o.reply.headers.at("Retry-After") == "7");
  CHECK_FALSE(o.reply.stream);
  CHECK(f.Call("GET", "/odd").reply.status == 500);
}

TEST_CASE("clients of Anthropic get its errors, whatever went wrong, and are told what is in vain") {
  const auto type = [](const Outcome& o) {
    const auto body = nlohmann::json::parse(o.reply.body);
    CHECK(body.at("type") == "error");
    CHECK(o.reply.headers.at("request-id") == "id-1");
    return body.at("error").at("type").get<std::string>();
  };
  const Fixture f({"key"});
  const Outcome full = f.Call("POST", "/v1/messages", {{"x-api-key", "key"}});
  CHECK(type(full) == "rate_limit_error");
  CHECK(full.reply.headers.at("Retry-After") == "7");
  CHECK(full.reply.headers.count("x-should-retry") == 0);
  const Outcome stranger = f.Call("POST", "/v1/messages");
  CHECK(type(stranger) == "authentication_error");
  CHECK(stranger.reply.headers.at("x-should-retry") == "false");
  CHECK(type(f.Call("GET", "/v1/messages", {{"x-api-key", "key"}})) == "invalid_request_error");
  CHECK(type(f.Call("GET", "/v1/messages/x", {{"x-api-key", "key"}})) == "not_found_error");
  CHECK(type(f.Call("GET", "/v1/models", {{"anthropic-version", "1"}, {"x-api-key", "key"}})) == "not_found_error");
  CHECK(f.Call("GET", "/v1/models", {{"x-api-key", "key"}}).code() == "unknown_url");
}

TEST_CASE("Ollama's clients need not name JSON, browsers must") {
  const Fixture f;
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded"}) {
    CHECK(f.Call("POST", "/api/chat", {{"Content-Type", type}}).reply.status == 200);
    const Outcome page = f.Call("POST", "/api/chat", {{"Content-Type", type}, {"Sec-Fetch-Site", "cross-site"}});
    CHECK(page.reply.status == 415);
    CHECK(nlohmann::json::parse(page.reply.body).at("error").is_string());
    CHECK(f.Call("POST", "/api/chat", {{"Content-Type", type}, {"Origin", "http://evil.example"}}).reply.status == 403);
  }
}

TEST_CASE("one right key is enough, in either header") {
  const ApiKeys keys({"first", "second"});
  CHECK_NOTHROW(keys.Check("", "second"));
  CHECK_NOTHROW(keys.Check("Bearer of-another", "first"));
  CHECK_NOTHROW(keys.Check("Bearer first", "of-another"));
  CHECK_THROWS_AS(keys.Check("first", ""), api::ApiError);
  CHECK_THROWS_AS(keys.Check("", "third"), api::ApiError);
  CHECK_THROWS_AS(keys.Check("Basic first", "third"), api::ApiError);
}

TEST_CASE("keys: health is open, everything else is not, not even to learn which paths there are") {
  const Fixture f({"first", "second"});
  CHECK(f.Call("GET", "/health").reply.status == 200);
  Outcome o = f.Call("POST", "/echo");
  CHECK(o.reply.status == 401);
  CHECK(o.code() == "missing_api_key");
  CHECK(o.reply.headers.at("WWW-Authenticate") == "Bearer");
  CHECK_FALSE(o.body_read);
  CHECK(f.Call("GET", "/nothing").reply.status == 401);
  for (const char* wrong : {"Bearer", "Bearer ", "Bearer firs", "Bearer firstt", "Bearer First", "Basic first", "first",
                            "Bearer second, first"}) {
    CAPTURE(wrong);
    CHECK(f.Call("POST", "/echo", {{"Authorization", wrong}}).reply.status == 401);
  }
  for (const char* right : {"Bearer first", "bearer second", "Bearer  first"}) {
    CHECK(f.Call("POST", "/echo", {{"Authorization", right}}).reply.status == 200);
  }
}

TEST_CASE("CORS: listed origins may read, others may not, preflights need no key") {
  const Fixture f({"key"}, {"http://localhost:3000"});
  Outcome o = f.Call("OPTIONS", "/echo",
                     {{"Origin", "http://localhost:3000"},
                      {"Access-Control-Request-Method", "POST"},
                      {"Access-Control-Request-Headers", "authorization,x-stainless-os"}});
  CHECK(o.reply.status == 204);
  CHECK(o.reply.headers.at("Access-Control-Allow-Origin") == "http://localhost:3000");
  CHECK(o.reply.headers.at("Access-Control-Allow-Headers") == "authorization,x-stainless-os");
  CHECK(o.reply.headers.at("Vary") == "Origin");
  // An error must be readable too.
  o = f.Call("POST", "/echo", {{"Origin", "http://localhost:3000"}});
  CHECK(o.reply.status == 401);
  CHECK(o.reply.headers.count("Access-Control-Allow-Origin") == 1);
  o = f.Call("POST", "/echo", {{"Origin", "http://evil.example"}, {"Authorization", "Bearer key"}});
  CHECK(o.reply.status == 403);
  CHECK(o.code() == "origin_not_allowed");
  CHECK_FALSE(o.body_read);
  CHECK(o.reply.headers.count("Access-Control-Allow-Origin") == 0);
  const Fixture any({}, {"*"});
  CHECK(any.Call("GET", "/health", {{"Origin", "null"}}).reply.headers.at("Access-Control-Allow-Origin") == "null");
  CHECK(any.Call("GET", "/health", {{"Origin", "a\r\nX: y"}}).reply.headers.count("Access-Control-Allow-Origin") == 0);
}

TEST_CASE("names that lead here by rebinding are refused, and pages of other origins") {
  const Fixture f;
  for (const char* host : {"localhost", "LOCALHOST:8080", "a.localhost.", "127.0.0.1:1", "[::1]:8080", "192.168.1.5",
                           "Puna.Example:80", ""}) {
    CAPTURE(host);
    CHECK(f.Call("POST", "/echo", {{"Host", host}}).reply.status == 200);
  }
  for (const char* host :
       {"evil.example", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example", "puna.example.evil"}) {
    CAPTURE(host);
    const Outcome o = f.Call("POST", "/echo", {{"Host", host}, {"Origin", std::string("http://") + host}});
    CHECK(o.reply.status == 403);
    CHECK(o.code() == "host_not_allowed");
    CHECK_FALSE(o.body_read);
    CHECK(f.Call("GET", "/health", {{"Host", host}}).reply.status == 200);
  }
  const auto from = [&](const char* origin) {
    return f.Call("POST", "/echo", {{"Host", "localhost:8080"}, {"Origin", origin}}).reply.status;
  };
  CHECK(from("http://localhost:8080") == 200);  // this server's own page
  for (const char* origin : {"null", "http://localhost:3000", "http://localhost", "https://evil.example"})
    CHECK(from(origin) == 403);
}

TEST_CASE("what is asked under the prefix, and what monitors may ask without it") {
  CHECK(WithoutPrefix("/v1/models", "") == "/v1/models");
  CHECK(WithoutPrefix("/llm/v1/models", "/llm") == "/v1/models");
  CHECK(WithoutPrefix("/llm", "/llm") == "/");
  CHECK(WithoutPrefix("/llm/", "/llm") == "/");
  CHECK(WithoutPrefix("/health/ready", "/llm") == "/health/ready");
  CHECK(WithoutPrefix("/llm/health", "/llm") == "/health");
  CHECK(WithoutPrefix("*", "/llm") == "*");
  for (const char* path : {"/v1/models", "/llmx/v1/models", "/", "", "/LLM/v1/models"}) {
    CAPTURE(path);
    CHECK_FALSE(WithoutPrefix(path, "/llm"));
  }
}

TEST_CASE("request ids of clients are kept when they are harmless") {
  CHECK(RequestId("abc-123") == "abc-123");
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("a\r\nb"), std::string(129, 'a'), std::string("\xc3\xa4")}) {
    CHECK(RequestId(bad).rfind("req_", 0) == 0);
  }
  CHECK(RequestId("") != RequestId(""));
}

}  // namespace
}  // namespace puna::server
