#include "server/host/loopback.h"

#include <arpa/inet.h>

#include <cstdint>

namespace puna::server {

bool IsLoopback(const std::string& host) {
  if (host == "localhost") return true;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string address = bracketed ? host.substr(1, host.size() - 2) : host;
  constexpr uint8_t kNet = 127;
  in_addr v4{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == kNet;
  in6_addr v6{};
  if (inet_pton(AF_INET6, address.c_str(), &v6) != 1) return false;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == kNet);
}

}  // namespace puna::server
