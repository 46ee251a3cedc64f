// From whom a request is, where proxies stand in front: the address that the last one of them who is trusted has seen.
//
// Each proxy writes behind the others in X-Forwarded-For, or in Forwarded (RFC 7239), who connected to it. What stands there is
// believed from the end backwards, as long as the one who wrote it is trusted: a client can write what it likes at the beginning.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "server/http/request_head.h"

namespace puna::server {

class TrustedProxies {
 public:
  // Addresses and networks (10.0.0.0/8, fd00::/8), and "unix" for whoever connects through a Unix socket. Throws
  // std::runtime_error, which names what is none of these.
  explicit TrustedProxies(const std::vector<std::string>& networks);

  // The address of the client whose request came from `peer`, without a port; `peer` itself where that is no trusted proxy or
  // says nothing that can be read. Where both fields are there, Forwarded counts.
  std::string ClientOf(const std::string& peer, const RequestHead& head) const;

 private:
  using Bytes = std::array<unsigned char, 16>;  // IPv4 as ::ffff:a.b.c.d
  struct Network {
    Bytes address;
    int bits;
  };

  static std::optional<Bytes> Parse(const std::string& address);
  static std::vector<std::string> Hops(const RequestHead& head);
  bool Trusts(const std::string& address) const;

  std::vector<Network> networks_;
  bool trusts_unix_ = false;
};

}  // namespace puna::server
