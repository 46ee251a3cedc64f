#include "server/http/router.h"

#include <doctest/doctest.h>

namespace puna::server {
namespace {

TEST_CASE("routes: plain before prefix, HEAD as GET, allowed methods") {
  std::string called;
  const auto mark = [&](const char* name) {
    return [&called, name](const HttpRequest&, HttpReply&) { called = name; };
  };
  Router router;
  router.Add("GET", "/v1/models/*", mark("one"));
  router.Add("GET", "/v1/models", mark("list"));
  router.Add("GET", "/v1/models/special", mark("special"));
  router.Add("POST", "/v1/chat/completions", mark("chat"));
  router.Add("DELETE", "/v1/models/*", mark("delete"));
  router.Add("GET", "/v1/things/{}", mark("thing"));
  router.Add("POST", "/v1/things/{}/stop", mark("stop"));
  router.Add("GET", "/v1/jobs/{job_}", mark("job"));
  router.Add("POST", "/v1/jobs/{job_}/stop", mark("stop job"));

  router.Add("GET", "/v1/sets/{set_}/things/{}", mark("thing of a set"));

  const auto call = [&](const char* method, const char* path) {
    called.clear();
    const Router::Match match = router.Find(method, path);
    if (match.handler) (*match.handler)(HttpRequest(), *std::make_unique<HttpReply>());
    return called + "|" + match.tail;
  };
  CHECK(call("GET", "/v1/models") == "list|");
  CHECK(call("HEAD", "/v1/models") == "list|");
  CHECK(call("GET", "/v1/models/meta-llama/Llama-3.2-3B") == "one|meta-llama/Llama-3.2-3B");
  CHECK(call("GET", "/v1/models/special") == "special|");
  CHECK(call("GET", "/v1/models/") == "|");
  CHECK(call("POST", "/v1/models") == "|");
  CHECK(call("GET", "/v1/models2") == "|");
  CHECK(call("GET", "/v1/things/a") == "thing|a");
  CHECK(call("POST", "/v1/things/a/stop") == "stop|a");
  CHECK(call("POST", "/v1/things//stop") == "|");
  CHECK(call("POST", "/v1/things/a/b/stop") == "|");
  CHECK(call("GET", "/v1/things/a/b") == "|");
  CHECK(call("GET", "/v1/jobs/job_1") == "job|job_1");
  CHECK(call("POST", "/v1/jobs/job_1/stop") == "stop job|job_1");
  CHECK(call("GET", "/v1/jobs/compact") == "|");
  CHECK(call("POST", "/v1/jobs/compact/stop") == "|");
  CHECK(call("GET", "/v1/sets/set_1/things/a") == "thing of a set|set_1/a");
  CHECK(call("GET", "/v1/sets/set_1/things/") == "|");
  CHECK(call("GET", "/v1/sets/1/things/a") == "|");
  CHECK(call("GET", "/v1/sets/set_1/things/a/b") == "|");
  CHECK(router.AllowedMethods("/v1/jobs/compact") == "");
  CHECK(router.AllowedMethods("/v1/things/a/stop") == "POST, OPTIONS");
  CHECK(router.AllowedMethods("/v1/things/a") == "GET, HEAD, OPTIONS");
  CHECK(router.AllowedMethods("/v1/models") == "GET, HEAD, OPTIONS");
  CHECK(router.AllowedMethods("/v1/models/x") == "GET, HEAD, DELETE, OPTIONS");
  CHECK(router.AllowedMethods("/v1/chat/completions") == "POST, OPTIONS");
  CHECK(router.AllowedMethods("/v1/chat/completions/") == "");
  CHECK(router.AllowedMethods("") == "");
}

}  // namespace
}  // namespace puna::server
