// From a request to its handler, and from whatever goes wrong to the error object of the protocol that the client speaks. The
// one catch of the server.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "api/json/error.h"
#include "server/http/api_keys.h"
#include "server/http/cors.h"
#include "server/http/host_names.h"
#include "server/http/http.h"
#include "server/http/request_head.h"
#include "server/http/router.h"

namespace puna::server {

class Dispatcher {
 public:
  Dispatcher(Router router, ApiKeys keys, Cors cors, HostNames names)
      : router_(std::move(router)), keys_(std::move(keys)), cors_(std::move(cors)), names_(std::move(names)) {}

  // Judges the head of a request, before its body is read. Null: `reply` says what there is to say. Else the handler, which
  // may throw; it lives as long as this object. Throws std::bad_alloc only.
  const Handler* Admit(HttpRequest& request, HttpReply& reply) const;

  // Lets the page that sent the request read the reply, when its origin is allowed to.
  void AllowOrigin(const HttpRequest& request, HttpReply& reply) const { cors_.Allow(request, reply); }

 private:
  const Handler* Route(HttpRequest& request, HttpReply& reply) const;
  void CheckWayIn(const HttpRequest& request) const;
  void CheckBody(const HttpRequest& request, HttpReply& reply) const;

  [[noreturn]] void ThrowUnknownPath(const HttpRequest& request) const;

  Router router_;
  ApiKeys keys_;
  Cors cors_;
  HostNames names_;
};

// What stands behind the prefix under which everything is answered: /v1/models of /llm/v1/models. Monitors may leave it out.
// None: the path lies elsewhere.
std::optional<std::string> WithoutPrefix(const std::string& path, const std::string& prefix);

// The path of a head that no library has read, without its query and the prefix; whole where it lies elsewhere.
std::string PathOf(const RequestHead& head, const std::string& prefix);

// 404, which tells the prefix.
[[noreturn]] void ThrowOutsidePrefix(const HttpRequest& request, const std::string& prefix);

// /health and below, /metrics: what monitors ask.
bool IsProbe(const std::string& path);

// Puts what a client named as its request id in order: kept when it is 1 to 128 printable ASCII
// characters without spaces, else a new one.
std::string RequestId(const std::string& given);

// 503: why a client is refused before its request is read.
api::ApiError NoConnectionLeft(int max_connections);
api::ApiError NoDescriptorLeft();

// Notes by what is asked how errors are to be said.
void SetErrorForm(const HttpRequest& request, HttpReply& reply);

// Turns the exception in flight into a reply; the status and the body are replaced, the access line
// is kept. Throws std::bad_alloc when there is no memory even for that.
void ReplyWithCurrentException(HttpReply& reply);

// 503: an allocation failed.
void WriteNoMemory(HttpReply& reply);

// What is told of it.
api::ApiError ToError(const FramingFault& fault);

}  // namespace puna::server
