#include "server/http/host_names.h"

#include <arpa/inet.h>

#include <algorithm>

#include "server/http/request_head.h"

namespace puna::server {
namespace {

// Without the port; of an IPv6 address, what stands in the brackets; without the dot that ends a full name.
std::string NameOf(std::string_view host) {
  if (host.starts_with('[')) return std::string(host.substr(1, host.find(']') - 1));
  host = host.substr(0, host.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  return std::string(host);
}

bool IsAddress(const std::string& name) {
  in6_addr address;
  return inet_pton(AF_INET, name.c_str(), &address) == 1 || inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

bool IsLocalhost(std::string_view name) {
  constexpr std::string_view kLocalhost = "localhost";
  if (name.size() < kLocalhost.size()) return false;
  const size_t begin = name.size() - kLocalhost.size();
  return EqualsIgnoringCase(name.substr(begin), kLocalhost) && (begin == 0 || name[begin - 1] == '.');
}

}  // namespace

bool HostNames::Knows(std::string_view host) const {
  const std::string name = NameOf(host);
  if (host.empty() || IsLocalhost(name) || IsAddress(name)) return true;
  return std::any_of(names_.begin(), names_.end(), [&](const std::string& known) {
    return known == "*" || EqualsIgnoringCase(known, name) || EqualsIgnoringCase(known, host);
  });
}

}  // namespace puna::server
