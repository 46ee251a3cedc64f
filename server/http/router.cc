#include "server/http/router.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace puna::server {
namespace {

std::vector<std::string_view> SegmentsOf(std::string_view path) {
  std::vector<std::string_view> segments;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    segments.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return segments;
}

// Whether the segment may stand for {} or {resp_}.
bool Fits(std::string_view place, std::string_view segment) {
  const std::string_view prefix = place.substr(1, place.size() - 2);
  return !segment.empty() && segment.starts_with(prefix);
}

// The parts of the path that stand for the route's * or {...}: none when they do not match.
std::optional<std::string> TailOf(const std::string& route, const std::string& path) {
  if (route.ends_with('*')) {
    const size_t begin = route.size() - 1;
    if (path.size() <= begin || path.compare(0, begin, route, 0, begin) != 0) return std::nullopt;
    return path.substr(begin);
  }
  const std::vector<std::string_view> places = SegmentsOf(route), segments = SegmentsOf(path);
  if (places.size() != segments.size()) return std::nullopt;
  std::string tail;
  for (size_t i = 0; i < places.size(); ++i) {
    const bool open = places[i].starts_with('{');
    if (open ? !Fits(places[i], segments[i]) : places[i] != segments[i]) return std::nullopt;
    if (!open) continue;
    if (!tail.empty()) tail += '/';
    tail += segments[i];
  }
  return tail;
}

}  // namespace

void Router::Add(const std::string& method, const std::string& path, Handler handler, Access access) {
  routes_.push_back({method, path, std::move(handler), access});
}

Router::Match Router::Find(const std::string& method, const std::string& path) const {
  const std::string wanted = method == "HEAD" ? "GET" : method;
  Match match;
  for (const Route& route : routes_) {
    if (route.method != wanted) continue;
    std::optional<std::string> tail = TailOf(route.path, path);
    if (!tail) continue;
    match = {&route.handler, route.path, *std::move(tail), route.access == Access::kOpen};
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
