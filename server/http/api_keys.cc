#include "server/http/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <cstring>

#include "api/json/error.h"

namespace puna::server {
namespace {

// The key of "Bearer KEY"; empty when there is none.
std::string BearerOf(const std::string& authorization) {
  const size_t space = authorization.find(' ');
  std::string scheme = authorization.substr(0, space);
  for (char& c : scheme) c = static_cast<char>(c | 0x20);
  if (scheme != "bearer" || space == std::string::npos) return {};
  const size_t begin = authorization.find_first_not_of(' ', space);
  return begin == std::string::npos ? "" : authorization.substr(begin);
}

}  // namespace

ApiKeys::ApiKeys(const std::vector<std::string>& keys) {
  KeyAccounts accounts;
  *this = ApiKeys(keys, {}, accounts);
}

ApiKeys::ApiKeys(const std::vector<std::string>& keys, const std::vector<config::ClientKey>& named,
                 KeyAccounts& accounts, bool salt_all) {
  for (size_t i = 0; i < keys.size(); ++i) {
    config::ClientKey key;
    key.name = "key" + std::to_string(i + 1);
    key.key = keys[i];
    Add(key, accounts, salt_all);
  }
  for (const config::ClientKey& key : named) Add(key, accounts, salt_all);
}

void ApiKeys::Add(const config::ClientKey& key, KeyAccounts& accounts, bool salt_all) {
  const Digest digest = DigestOf(key);
  keys_.push_back(
      {digest, key.share, key.cache_salt || salt_all ? SaltOf(digest) : "", OwnerOf(digest), accounts.Get(key)});
}

// Not the key's hash itself, which would be as good as the key where its operator keeps hashes; and nothing that another client
// could name as its own salt without knowing this key.
ApiKeys::Digest ApiKeys::DigestFor(std::string_view purpose, const Digest& digest) {
  std::string text(purpose);
  text.append(digest.begin(), digest.end());
  return DigestOf(text);
}

std::string ApiKeys::SaltOf(const Digest& digest) {
  const Digest salt = DigestFor("puna cache salt ", digest);
  return {salt.begin(), salt.end()};
}

// In letters, as it stands in files.
std::string ApiKeys::OwnerOf(const Digest& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string owner;
  for (const unsigned char byte : DigestFor("puna owner ", digest)) {
    owner += kDigits[byte >> 4];
    owner += kDigits[byte & 15];
  }
  return owner;
}

// Digests are compared and not keys, so that not even the length of a key shows in the time.
ApiKeys::Digest ApiKeys::DigestOf(const std::string& key) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

ApiKeys::Digest ApiKeys::DigestOf(const config::ClientKey& key) {
  if (key.sha256.empty()) return DigestOf(key.key);
  Digest digest{};
  for (size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<unsigned char>(std::stoi(key.sha256.substr(2 * i, 2), nullptr, 16));
  return digest;
}

const ApiKeys::Key* ApiKeys::Find(const std::string& text) const {
  const Digest given = DigestOf(text);
  const Key* found = nullptr;
  for (const Key& key : keys_) {
    if (CRYPTO_memcmp(key.digest.data(), given.data(), given.size()) == 0) found = &key;
  }
  return found;
}

Caller ApiKeys::Check(const std::string& authorization, const std::string& api_key) const {
  const std::string bearer = BearerOf(authorization);
  if (bearer.empty() && api_key.empty()) throw api::MissingApiKey();
  const Key *by_bearer = Find(bearer), *by_api_key = Find(api_key);
  const Key* key = by_bearer != nullptr ? by_bearer : by_api_key;
  if (key == nullptr) throw api::InvalidApiKey();
  Caller caller;
  std::memcpy(&caller.tenant, key->digest.data(), sizeof caller.tenant);
  caller.share = key->share;
  caller.cache_salt = key->cache_salt;
  caller.owner = key->owner;
  caller.account = key->account;
  return caller;
}

}  // namespace puna::server
