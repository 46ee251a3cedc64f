#include "server/http/dispatcher.h"

#include <algorithm>
#include <exception>

#include "api/fields/id_generator.h"
#include "api/json/error.h"
#include "server/host/log.h"

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

// Whoever asks after the health need not know a key.
bool IsOpen(const std::string& path) { return path == "/health" || path.rfind("/health/", 0) == 0; }

std::string WithoutSpareSlashes(const std::string& path) {
  std::string plain;
  for (const char c : path) {
    if (c != '/' || !plain.ends_with('/')) plain += c;
  }
  if (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
  return plain;
}

}  // namespace

bool IsProbe(const std::string& path) { return IsOpen(path) || path == "/metrics"; }

std::string RequestId(const std::string& given) {
  const bool usable = !given.empty() && given.size() <= 128 &&
                      std::all_of(given.begin(), given.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (usable) return given;
  return api::IdGenerator().Next("req_");
}

void ReplyWithCurrentException(HttpReply& reply) noexcept {
  reply.stream = nullptr;
  reply.later = nullptr;
  reply.content_type = "application/json";
  try {
    try {
      throw;
    } catch (const api::ApiError& error) {
      reply.status = error.status();
      reply.body = error.ToJson();
      reply.access->error = error.code();
      if (error.retry_after()) reply.headers["Retry-After"] = std::to_string(*error.retry_after());
      if (error.queue_position()) reply.headers["X-Queue-Position"] = std::to_string(*error.queue_position());
      if (error.status() == 401) reply.headers["WWW-Authenticate"] = "Bearer";
    } catch (const std::exception& error) {
      LogError("request " + reply.access->id + " failed: " + error.what());
      reply.status = 500;
      reply.body = api::Internal(error.what()).ToJson();
      reply.access->error = "internal_error";
    }
  } catch (...) {  // no memory left even for the message, or not an exception of ours
    reply.status = 500;
    reply.body.clear();
  }
}

const Handler* Dispatcher::Admit(HttpRequest& request, HttpReply& reply) const noexcept {
  try {
    reply.headers["X-Request-Id"] = request.id;
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

const Handler* Dispatcher::Route(HttpRequest& request, HttpReply& reply) const {
  CheckWayIn(request);
  const bool of_server = request.method == "OPTIONS" && request.path == "*";
  const std::string allowed = of_server ? "GET, HEAD, POST, DELETE, OPTIONS" : router_.AllowedMethods(request.path);
  if (request.method == "OPTIONS" && !allowed.empty()) {
    reply.status = 204;
    reply.headers["Allow"] = allowed;
    return nullptr;
  }
  if (!IsOpen(request.path)) keys_.Check(request.header("Authorization"));
  if (allowed.empty()) ThrowUnknownPath(request);
  Router::Match match = router_.Find(request.method, request.path);
  if (match.handler == nullptr) {
    reply.headers["Allow"] = allowed;
    throw api::MethodNotAllowed(request.method, request.path, allowed);
  }
  reply.access->endpoint = match.path;
  request.tail = std::move(match.tail);
  const std::string type = request.header("Content-Type");
  if (request.method == "POST" && (request.has_body || !type.empty()) && !IsJson(type))
    throw api::UnsupportedContentType(type);
  return match.handler;
}

}  // namespace puna::server
