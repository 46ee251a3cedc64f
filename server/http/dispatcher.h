// From a request to its handler, and from whatever goes wrong to OpenAI's error object. The one
// catch of the server.
#pragma once

#include <functional>
#include <string>

#include "server/http/api_keys.h"
#include "server/http/cors.h"
#include "server/http/http.h"
#include "server/http/router.h"

namespace puna::server {

class Dispatcher {
 public:
  Dispatcher(Router router, ApiKeys keys, Cors cors)
      : router_(std::move(router)), keys_(std::move(keys)), cors_(std::move(cors)) {}

  // `read_body` gives the body or throws api::ApiError; it is called only when the head of the
  // request is in order. Fills `reply` in any case, never throws.
  void Dispatch(HttpRequest& request, const std::function<std::string()>& read_body, HttpReply& reply) const;

 private:
  void Route(HttpRequest& request, const std::function<std::string()>& read_body, HttpReply& reply) const;

  [[noreturn]] void ThrowUnknownPath(const HttpRequest& request) const;

  Router router_;
  ApiKeys keys_;
  Cors cors_;
};

// /health and below, /metrics: what monitors ask.
bool IsProbe(const std::string& path);

// Puts what a client named as its request id in order: kept when it is 1 to 128 printable ASCII
// characters without spaces, else a new one.
std::string RequestId(const std::string& given);

// Turns the exception in flight into a reply; the status and the body are replaced, the access line
// is kept.
void ReplyWithCurrentException(HttpReply& reply) noexcept;

}  // namespace puna::server
