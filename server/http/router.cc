#include "server/http/router.h"

#include <algorithm>
#include <optional>

namespace puna::server {
namespace {

// The part of the path that stands for the route's * or {...}: none when they do not match.
std::optional<std::string> TailOf(const std::string& route, const std::string& path) {
  const size_t begin = std::min(route.find('{'), route.find('*'));
  if (begin == route.npos) return route == path ? std::optional<std::string>("") : std::nullopt;
  const bool segment = route[begin] == '{';
  const size_t close = segment ? route.find('}', begin) : begin;
  const std::string prefix = segment ? route.substr(begin + 1, close - begin - 1) : "";
  const std::string end = route.substr(close + 1);
  if (path.size() <= begin + end.size() || path.compare(0, begin, route, 0, begin) != 0 ||
      path.compare(path.size() - end.size(), end.size(), end) != 0)
    return std::nullopt;
  std::string tail = path.substr(begin, path.size() - begin - end.size());
  if (segment && (tail.find('/') != tail.npos || !tail.starts_with(prefix))) return std::nullopt;
  return tail;
}

}  // namespace

void Router::Add(const std::string& method, const std::string& path, Handler handler) {
  routes_.push_back({method, path, std::move(handler)});
}

Router::Match Router::Find(const std::string& method, const std::string& path) const {
  const std::string wanted = method == "HEAD" ? "GET" : method;
  Match match;
  for (const Route& route : routes_) {
    if (route.method != wanted) continue;
    std::optional<std::string> tail = TailOf(route.path, path);
    if (!tail) continue;
    match = {&route.handler, route.path, *std::move(tail)};
    if (match.tail.empty()) break;  // a plain path
  }
  return match;
}

std::string Router::AllowedMethods(const std::string& path) const {
  std::string methods;
  for (const Route& route : routes_) {
    if (TailOf(route.path, path)) methods += (route.method == "GET" ? "GET, HEAD" : route.method) + ", ";
  }
  return methods.empty() ? "" : methods + "OPTIONS";
}

}  // namespace puna::server
