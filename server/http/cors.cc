#include "server/http/cors.h"

#include <algorithm>

namespace puna::server {

bool Cors::Knows(const std::string& origin) const {
  return std::any_of(origins_.begin(), origins_.end(),
                     [&](const std::string& known) { return known == "*" || known == origin; });
}

bool Cors::Permits(const HttpRequest& request) const {
  const std::string origin = request.header("Origin");
  if (origin.empty() || Knows(origin)) return true;
  const size_t scheme_end = origin.find("://");
  return scheme_end != std::string::npos && !request.host.empty() && origin.substr(scheme_end + 3) == request.host;
}

void Cors::Allow(const HttpRequest& request, HttpReply& reply) const {
  if (origins_.empty()) return;
  reply.headers["Vary"] = "Origin";
  const std::string origin = request.header("Origin");
  // Headers come percent-decoded; what could end a header line is never written into one.
  if (origin.empty() || origin.find_first_of("\r\n") != std::string::npos || !Knows(origin)) return;
  reply.headers["Access-Control-Allow-Origin"] = origin;
  reply.headers["Access-Control-Expose-Headers"] =
      "X-Request-Id, request-id, Retry-After, X-Queue-Position, X-Puna-Warnings, x-ratelimit-limit-requests, "
      "x-ratelimit-remaining-requests, x-ratelimit-reset-requests, x-ratelimit-limit-tokens, "
      "x-ratelimit-remaining-tokens, "
      "x-ratelimit-reset-tokens";
  if (request.method != "OPTIONS" || request.header("Access-Control-Request-Method").empty()) return;
  reply.headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST, DELETE, OPTIONS";
  const std::string wanted = request.header("Access-Control-Request-Headers");
  const bool clean = wanted.find_first_of("\r\n") == std::string::npos;
  reply.headers["Access-Control-Allow-Headers"] = clean && !wanted.empty() ? wanted : "Authorization, Content-Type";
  reply.headers["Access-Control-Max-Age"] = "600";
}

}  // namespace puna::server
