// From a request to its handler, and from whatever goes wrong to OpenAI's error object. The one
// catch of the server.
#pragma once

#include <functional>
#include <string>

#include "api/json/error.h"
#include "server/http/api_keys.h"
#include "server/http/cors.h"
#include "server/http/host_names.h"
#include "server/http/http.h"
#include "server/http/router.h"

namespace puna::server {

class Dispatcher {
 public:
  Dispatcher(Router router, ApiKeys keys, Cors cors, HostNames names)
      : router_(std::move(router)), keys_(std::move(keys)), cors_(std::move(cors)), names_(std::move(names)) {}

  // Judges the head of a request, before its body is read. Null: `reply` says what there is to say. Else the handler, which
  // may throw; it lives as long as this object.
  const Handler* Admit(HttpRequest& request, HttpReply& reply) const noexcept;

  // Lets the page that sent the request read the reply, when its origin is allowed to.
  void AllowOrigin(const HttpRequest& request, HttpReply& reply) const { cors_.Allow(request, reply); }

 private:
  const Handler* Route(HttpRequest& request, HttpReply& reply) const;
  void CheckWayIn(const HttpRequest& request) const;

  [[noreturn]] void ThrowUnknownPath(const HttpRequest& request) const;

  Router router_;
  ApiKeys keys_;
  Cors cors_;
  HostNames names_;
};

// /health and below, /metrics: what monitors ask.
bool IsProbe(const std::string& path);

// Puts what a client named as its request id in order: kept when it is 1 to 128 printable ASCII
// characters without spaces, else a new one.
std::string RequestId(const std::string& given);

// 503: why a client is refused before its request is read.
api::ApiError NoConnectionLeft(int max_connections);
api::ApiError NoDescriptorLeft();

// Turns the exception in flight into a reply; the status and the body are replaced, the access line
// is kept.
void ReplyWithCurrentException(HttpReply& reply) noexcept;

}  // namespace puna::server
