// The keys that clients may use.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/client_key.h"
#include "server/http/caller.h"
#include "server/http/key_account.h"

namespace puna::server {

class ApiKeys {
 public:
  // Keys without names and limits; none: the server is open. They are called key1, key2, ... in the order in which they stand.
  explicit ApiKeys(const std::vector<std::string>& keys);
  // And those with names. What is counted for each is in `accounts`. salt_all: each key has a salt of its own for the prefix
  // cache, also those that do not say so.
  ApiKeys(const std::vector<std::string>& keys, const std::vector<config::ClientKey>& named, KeyAccounts& accounts,
          bool salt_all = false);

  bool open() const { return keys_.empty(); }

  // `authorization` and `api_key` are the headers Authorization and x-api-key, as clients of OpenAI and of Anthropic send
  // them. Throws api::ApiError (401) unless one of them holds one of the keys. The time taken does not depend on how much of
  // a key was right. Not for open servers.
  Caller Check(const std::string& authorization, const std::string& api_key = "") const;

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Key {
    Digest digest;
    int share;
    std::string cache_salt, owner;
    std::shared_ptr<KeyAccount> account;
  };
  static Digest DigestOf(const std::string& key);
  static Digest DigestOf(const config::ClientKey& key);
  static std::string SaltOf(const Digest& digest);
  static std::string OwnerOf(const Digest& digest);
  static Digest DigestFor(std::string_view purpose, const Digest& digest);
  const Key* Find(const std::string& key) const;
  void Add(const config::ClientKey& key, KeyAccounts& accounts, bool salt_all);

  std::vector<Key> keys_;
};

}  // namespace puna::server
