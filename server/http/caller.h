// Who sent a request, as far as shares, limits and counts are concerned.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace puna::server {

class KeyAccount;

struct Caller {
  uint64_t tenant = 0;  // whose part of the engine it has: that of its key, or where there are no keys of its address
  int share = 1;        // parts of the engine that its tenant has where another has one
  std::string cache_salt = {};  // of its key: its prompts share the prefix cache with nobody else; empty: with all
  std::string owner = {};       // by its key: what it stores is found under no other; empty: none was asked for
  std::shared_ptr<KeyAccount> account = nullptr;  // of its key; null: none was asked for
  std::shared_ptr<void> place = nullptr;          // among those that the key has in progress, until it is answered
};

// The tenant of an address: the whole of it for IPv4, the first 64 bits for IPv6, of which one household or machine has many.
// What is no address is a tenant of its own.
uint64_t TenantOfAddress(const std::string& address);

}  // namespace puna::server
