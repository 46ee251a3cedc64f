#include "server/endpoints/paging.h"

#include <charconv>

#include "api/json/error.h"

namespace puna::server {

std::string QueryOf(const HttpRequest& request, const std::string& name) {
  return request.query ? request.query(name) : "";
}

PageWish ReadPageWish(const HttpRequest& request) {
  PageWish wish;
  const std::string limit = QueryOf(request, "limit"), order = QueryOf(request, "order");
  const char* end = limit.data() + limit.size();
  const auto [read, error] = std::from_chars(limit.data(), end, wish.limit);
  if (!limit.empty() && (error != std::errc() || read != end || wish.limit < 1 || wish.limit > 100))
    throw api::InvalidValue("limit", "expected a whole number from 1 to 100.");
  if (!order.empty() && order != "asc" && order != "desc") throw api::InvalidValue("order", "expected asc or desc.");
  wish.ascending = order == "asc";
  wish.after = QueryOf(request, "after");
  return wish;
}

}  // namespace puna::server
