#include "server/http/caller.h"

#include <arpa/inet.h>

#include <cstring>
#include <string_view>

namespace puna::server {
namespace {

uint64_t Hash(const void* bytes, size_t size) {
  return std::hash<std::string_view>()({static_cast<const char*>(bytes), size});
}

}  // namespace

uint64_t TenantOfAddress(const std::string& address) {
  in6_addr ip{};
  const std::string plain = address.substr(0, address.find('%'));  // without its zone
  if (inet_pton(AF_INET6, plain.c_str(), &ip) != 1) return Hash(address.data(), address.size());
  if (!IN6_IS_ADDR_V4MAPPED(&ip)) return Hash(&ip, 8);
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, ip.s6_addr + 12, text, sizeof text);
  return Hash(text, std::strlen(text));
}

}  // namespace puna::server
