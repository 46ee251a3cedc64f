#include "server/page/page.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "api/json/error.h"
#include "server/host/log.h"
#include "server/http/dispatcher.h"
#include "server/page/assets.h"

namespace puna::server {
namespace {

// As Chromium and Firefox send it.
constexpr const char* kBrowser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

class Fixture {
 public:
  explicit Fixture(std::vector<std::string> keys = {})
      : dispatcher_(Routes(), ApiKeys(std::move(keys)), Cors({}), HostNames({})) {
    SetUpLog("off", "text");
  }

  HttpReply Get(const std::string& path, std::map<std::string, std::string> headers,
                const std::string& host = "") const {
    HttpRequest request;
    request.method = "GET";
    request.path = path;
    request.host = host;
    request.header = [&](const std::string& name) { return headers[name]; };
    HttpReply reply;
    const Handler* handler = dispatcher_.Admit(request, reply);
    if (handler == nullptr) return reply;
    try {
      (*handler)(request, reply);
    } catch (...) {
      ReplyWithCurrentException(reply);
    }
    return reply;
  }

 private:
  static Router Routes() {
    Router router;
    router.Add("GET", "/v1/models", [](const HttpRequest&, HttpReply& reply) { reply.body = "{}"; });
    AddPage(router);
    return router;
  }

  Dispatcher dispatcher_;
};

TEST_CASE("browsers prefer HTML, programs do not") {
  for (const char* accept : {kBrowser, "text/html", "TEXT/HTML;q=0.5", "application/json;q=0.5, text/html;q=0.5"}) {
    CAPTURE(accept);
    CHECK(PrefersHtml(accept));
  }
  for (const char* accept : {"", "*/*", "application/json", "application/json, text/html;q=0.9", "text/html;q=0",
                             "text/*", "text/html ;q=", "text/htmlx", ";;,,;q", "application/json, text/plain, */*"}) {
    CAPTURE(accept);
    CHECK_FALSE(PrefersHtml(accept));
  }
}

TEST_CASE("gzip is sent to who takes it") {
  for (const char* encoding : {"gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.2", "*", "deflate, *;q=0.1"})
    CHECK(AcceptsGzip(encoding));
  for (const char* encoding : {"", "identity", "br", "gzip;q=0", "gzip;q=0, *;q=1", "gzipped"})
    CHECK_FALSE(AcceptsGzip(encoding));
}

TEST_CASE("a browser gets the page, under a policy that lets nothing else in") {
  const HttpReply reply = Fixture().Get("/", {{"Accept", kBrowser}});
  CHECK(reply.status == 200);
  CHECK(reply.content_type == "text/html; charset=utf-8");
  CHECK(reply.body.starts_with("<!doctype html>"));
  CHECK(reply.headers.at("Cache-Control") == "no-cache");
  CHECK(reply.headers.at("X-Content-Type-Options") == "nosniff");
  CHECK(reply.headers.at("Referrer-Policy") == "no-referrer");
  const std::string& policy = reply.headers.at("Content-Security-Policy");
  CHECK(policy.starts_with("default-src 'none'; "));
  for (const char* part : {"frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "connect-src 'self'"})
    CHECK(policy.find(part) != policy.npos);
  CHECK(policy.find("unsafe") == policy.npos);
  CHECK(policy.find("http") == policy.npos);
}

TEST_CASE("a program that asks for JSON there is answered as without the page") {
  for (const char* accept : {"", "*/*", "application/json"}) {
    const HttpReply reply = Fixture().Get("/", {{"Accept", accept}});
    CHECK(reply.status == 404);
    CHECK(reply.content_type == "application/json");
    CHECK(reply.body.find("unknown_url") != std::string::npos);
    CHECK(reply.headers.at("Vary") == "Accept");
  }
}

TEST_CASE("what the page loads is there, plain and packed, and is asked for again only when it changed") {
  const Fixture f;
  for (const PageAsset& asset : PageAssets()) {
    CAPTURE(asset.path);
    const std::string path(asset.path);
    HttpReply reply = f.Get(path, {{"Accept", kBrowser}, {"Accept-Encoding", "identity"}});
    CHECK(reply.body == asset.plain);
    CHECK(reply.headers.count("Content-Encoding") == 0);
    CHECK(reply.headers.at("Vary").find("Accept-Encoding") != std::string::npos);
    reply = f.Get(path, {{"Accept", kBrowser}, {"Accept-Encoding", "gzip, br"}});
    if (!asset.gzip.empty()) {
      CHECK(reply.body == asset.gzip);
      CHECK(reply.body.starts_with("\x1f\x8b"));
      CHECK(reply.headers.at("Content-Encoding") == "gzip");
    }
    const std::string etag = reply.headers.at("ETag");
    CHECK(etag.starts_with('"'));
    reply = f.Get(path, {{"Accept", kBrowser}, {"If-None-Match", etag}});
    CHECK(reply.status == 304);
    CHECK(reply.body.empty());
    if (path == "/") continue;
    const std::string beside = path.substr(1);  // the page asks for it beside itself, whatever its address
    CHECK(f.Get("/", {{"Accept", kBrowser}}).body.find("\"" + beside + "\"") != std::string::npos);
    CHECK(reply.headers.at("Cache-Control").find("immutable") != std::string::npos);
  }
}

TEST_CASE("the page needs no key, and opens nothing else") {
  const Fixture f({"secret"});
  CHECK(f.Get("/", {{"Accept", kBrowser}}).status == 200);
  for (const PageAsset& asset : PageAssets())
    CHECK(f.Get(std::string(asset.path), {{"Accept", kBrowser}}).status == 200);
  CHECK(f.Get("/v1/models", {{"Accept", kBrowser}}).status == 401);
  CHECK(f.Get("/page/unknown", {{"Accept", kBrowser}}).status == 401);
  CHECK(f.Get("/page/", {{"Accept", kBrowser}}).status == 401);
}

TEST_CASE("pages of other sites cannot have it by a name of theirs") {
  const HttpReply reply = Fixture().Get("/", {{"Accept", kBrowser}}, "evil.example");
  CHECK(reply.status == 403);
  CHECK(reply.body.find("host_not_allowed") != std::string::npos);
}

}  // namespace
}  // namespace puna::server
