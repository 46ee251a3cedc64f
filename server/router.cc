#include "server/router.h"

namespace puna::server {
namespace {

bool IsPrefix(const std::string& route) { return route.back() == '*'; }

bool Matches(const std::string& route, const std::string& path) {
  if (!IsPrefix(route)) return route == path;
  const size_t length = route.size() - 1;
  return path.size() > length && path.compare(0, length, route, 0, length) == 0;
}

}  // namespace

void Router::Add(const std::string& method, const std::string& path, Handler handler) {
  routes_.push_back({method, path, std::move(handler)});
}

Router::Match Router::Find(const std::string& method, const std::string& path) const {
  const std::string wanted = method == "HEAD" ? "GET" : method;
  Match match;
  for (const Route& route : routes_) {
    if (route.method != wanted || !Matches(route.path, path)) continue;
    if (!IsPrefix(route.path)) return {&route.handler, ""};
    match = {&route.handler, path.substr(route.path.size() - 1)};
  }
  return match;
}

std::string Router::AllowedMethods(const std::string& path) const {
  std::string methods;
  for (const Route& route : routes_) {
    if (Matches(route.path, path))
      methods += (route.method == "GET" ? "GET, HEAD" : route.method) + ", ";
  }
  return methods.empty() ? "" : methods + "OPTIONS";
}

}  // namespace puna::server
