#include "server/http/dispatcher.h"

#include <algorithm>
#include <exception>
#include <new>

#include "api/fields/id_generator.h"
#include "api/json/error.h"
#include "server/host/log.h"
#include "server/http/content_coding.h"
#include "server/http/request_head.h"

namespace puna::server {
namespace {

// "application/json; charset=utf-8" and "application/problem+json" alike.
bool IsJson(std::string type) {
  type = type.substr(0, type.find(';'));
  type.erase(std::remove(type.begin(), type.end(), ' '), type.end());
  std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) { return std::tolower(c); });
  const bool suffix = type.size() > 5 && type.compare(type.size() - 5, 5, "+json") == 0;
  return type == "application/json" || suffix;
}

// Whether a browser sent the request for a page that no origin speaks for. Today's browsers give every POST an Origin, which has
// been judged when this is asked; the other fields are for those that do not.
bool IsOfBrowser(const HttpRequest& request) {
  return request.header("Origin").empty() &&
         !(request.header("Sec-Fetch-Site").empty() && request.header("Sec-Fetch-Mode").empty() &&
           request.header("Referer").empty() && request.header("Cookie").empty());
}

// Whoever asks after the health need not know a key.
bool IsOpen(const std::string& path) {
  return path == "/health" || path.rfind("/health/", 0) == 0 || path == "/v1/health";
}

std::string WithoutSpareSlashes(const std::string& path) {
  std::string plain;
  for (const char c : path) {
    if (c != '/' || !plain.ends_with('/')) plain += c;
  }
  if (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
  return plain;
}

// A client that would rather have a websocket there goes on over HTTP when it reads 426, and tries for long at others.
[[noreturn]] void RefuseUpgrade(const std::string& allowed, HttpReply& reply) {
  reply.headers["Upgrade"] = "HTTP/1.1";
  reply.headers["Connection"] = "Upgrade";
  throw api::ApiError(426, "invalid_request_error", "upgrade_required",
                      "This server speaks HTTP/1.1 here, and no other protocol; use " + allowed + ".");
}

void WriteError(const api::ApiError& error, HttpReply& reply) {
  reply.status = error.status();
  reply.body = api::ErrorJson(error, reply.error_form, reply.access->id);
  const bool in_vain = reply.error_form == api::ErrorForm::kAnthropic && !api::MayDoBetter(error.status());
  if (in_vain) reply.headers["x-should-retry"] = "false";
}

}  // namespace

std::optional<std::string> WithoutPrefix(const std::string& path, const std::string& prefix) {
  if (path == prefix && !prefix.empty()) return "/";
  if (path.starts_with(prefix) && (prefix.empty() || path[prefix.size()] == '/')) return path.substr(prefix.size());
  if (IsProbe(path) || path == "*") return path;
  return std::nullopt;
}

std::string PathOf(const RequestHead& head, const std::string& prefix) {
  const std::string path = head.target.substr(0, head.target.find('?'));
  return WithoutPrefix(path, prefix).value_or(path);
}

void ThrowOutsidePrefix(const HttpRequest& request, const std::string& prefix) {
  const api::ApiError error = api::UnknownPath(request.method, request.path);
  throw api::ApiError(
      error.status(), error.type(), error.code(),
      error.message() + " Everything is answered under " + prefix + ", as in " + prefix + "/v1/models.");
}

bool IsProbe(const std::string& path) { return IsOpen(path) || path == "/metrics"; }

std::string RequestId(const std::string& given) {
  const bool usable = !given.empty() && given.size() <= 128 &&
                      std::all_of(given.begin(), given.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (usable) return given;
  return api::IdGenerator().Next("req_");
}

void SetErrorForm(const HttpRequest& request, HttpReply& reply) {
  reply.error_form = api::ErrorFormOf(request.path, !request.header("anthropic-version").empty());
  if (reply.error_form == api::ErrorForm::kAnthropic) reply.headers["request-id"] = request.id;
}

void ReplyWithCurrentException(HttpReply& reply) {
  reply.stream = nullptr;
  reply.later = nullptr;
  reply.content_type = "application/json";
  try {
    throw;
  } catch (const api::ApiError& error) {
    WriteError(error, reply);
    reply.access->error = error.code();
    if (error.retry_after()) reply.headers["Retry-After"] = std::to_string(*error.retry_after());
    if (error.queue_position()) reply.headers["X-Queue-Position"] = std::to_string(*error.queue_position());
    if (error.status() == 401) reply.headers["WWW-Authenticate"] = "Bearer";
  } catch (const std::bad_alloc&) {  // of this request; what it had is free by now
    WriteNoMemory(reply);
    reply.access->error = NoMemory().code;
    LogWarning("request " + reply.access->id + " was given up: no memory is left");
  } catch (const std::exception& error) {
    LogError("request " + reply.access->id + " failed: " + error.what());
    WriteError(api::Internal(error.what()), reply);
    reply.access->error = "internal_error";
  } catch (...) {
    LogError("request " + reply.access->id + " failed: what was thrown is no exception");
    WriteError(api::Internal("what was thrown is no exception"), reply);
    reply.access->error = "internal_error";
  }
}

api::ApiError ToError(const FramingFault& fault) {
  if (fault.status == 503) return api::ApiError(503, "server_error", fault.code, fault.message).WithRetryAfter(1);
  return {fault.status, "invalid_request_error", fault.code, fault.message};
}

void WriteNoMemory(HttpReply& reply) {
  WriteError(ToError(NoMemory()), reply);
  reply.headers["Retry-After"] = "1";
}

const Handler* Dispatcher::Admit(HttpRequest& request, HttpReply& reply) const {
  try {
    reply.headers["X-Request-Id"] = request.id;
    SetErrorForm(request, reply);
    cors_.Allow(request, reply);
    return Route(request, reply);
  } catch (...) {
    ReplyWithCurrentException(reply);
    return nullptr;
  }
}

api::ApiError NoConnectionLeft(int max_connections) {
  return api::ApiError(503, "server_error", "too_many_connections",
                       "All " + std::to_string(max_connections) + " connections of this server are taken.")
      .WithRetryAfter(1);
}

api::ApiError NoDescriptorLeft() {
  return api::ApiError(503, "server_error", "too_many_connections",
                       "The system allows this server no more open files, and so no more connections.")
      .WithRetryAfter(1);
}

// A client whose base URL is written wrong is told so: without /v1, with it twice, with slashes doubled or at its end.
void Dispatcher::ThrowUnknownPath(const HttpRequest& request) const {
  const api::ApiError error = api::UnknownPath(request.method, request.path);
  std::string meant = WithoutSpareSlashes(request.path);
  while (meant.starts_with("/v1/v1/")) meant.erase(0, 3);
  if (router_.AllowedMethods(meant).empty()) meant.insert(0, "/v1");
  if (router_.AllowedMethods(meant).empty()) throw error;
  throw api::ApiError(error.status(), error.type(), error.code(),
                      error.message() + " Did you mean " + meant + "? Base URLs of clients end in /v1.");
}

// What a browser sends for a page of another site is refused before anything is done for it: such a page needs no leave to
// send, only to read. Whoever monitors may call by any name.
void Dispatcher::CheckWayIn(const HttpRequest& request) const {
  if (IsProbe(request.path)) return;
  if (!names_.Knows(request.host)) {
    throw api::ApiError(403, "invalid_request_error", "host_not_allowed",
                        "This server is not called \"" + request.host +
                            "\". If it is, its operator must say so with --allowed-host, or ask for a key.");
  }
  if (!cors_.Permits(request)) {
    throw api::ApiError(403, "invalid_request_error", "origin_not_allowed",
                        "Pages of this origin may not call this server. Its operator can let them with --cors-origin.");
  }
}

// What is said of the body, before it is read. Without a type it is JSON, as every body here is: clients that are no browsers
// leave it out. What a page of another site can send without asking has one of the types that forms have, or none (sendBeacon
// of an untyped Blob), and comes from a browser.
void Dispatcher::CheckBody(const HttpRequest& request, HttpReply& reply) const {
  const std::string type = request.header("Content-Type");
  const bool untyped = type.empty() && (!request.has_body || !IsOfBrowser(request));
  // Ollama's clients send any type (curl -d sends a form's); for them every sign counts by which a browser shows itself.
  const bool browser = !request.header("Origin").empty() || IsOfBrowser(request);
  const bool any_type = reply.error_form == api::ErrorForm::kOllama && !browser;
  if (request.method == "POST" && !untyped && !any_type && !IsJson(type)) throw api::UnsupportedContentType(type);
  try {
    CheckContentCodings(request.content_codings);
  } catch (const api::ApiError&) {
    reply.headers["Accept-Encoding"] = kContentCodings;
    throw;
  }
}

const Handler* Dispatcher::Route(HttpRequest& request, HttpReply& reply) const {
  CheckWayIn(request);
  const bool of_server = request.method == "OPTIONS" && request.path == "*";
  const std::string allowed = of_server ? "GET, HEAD, POST, DELETE, OPTIONS" : router_.AllowedMethods(request.path);
  if (request.method == "OPTIONS" && !allowed.empty()) {
    reply.status = 204;
    reply.headers["Allow"] = allowed;
    return nullptr;
  }
  Router::Match match = router_.Find(request.method, request.path);
  request.caller.tenant = TenantOfAddress(request.peer);
  if (!match.open && !IsOpen(request.path) && !keys_.open()) {
    request.caller = keys_.Check(request.header("Authorization"), request.header("x-api-key"));
    reply.access->key = request.caller.account->name();
  }
  if (allowed.empty()) ThrowUnknownPath(request);
  if (match.handler == nullptr) {
    reply.headers["Allow"] = allowed;
    if (request.wants_upgrade) RefuseUpgrade(allowed, reply);
    throw api::MethodNotAllowed(request.method, request.path, allowed);
  }
  reply.access->endpoint = match.path;
  request.tail = std::move(match.tail);
  CheckBody(request, reply);
  // What costs something; who lists models or asks how a response goes on is not kept from it.
  if (request.caller.account && request.method == "POST")
    request.caller.place = request.caller.account->Admit(reply.headers);
  return match.handler;
}

}  // namespace puna::server
