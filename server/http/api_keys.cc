#include "server/http/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "api/json/error.h"

namespace puna::server {

ApiKeys::ApiKeys(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) digests_.push_back(DigestOf(key));
}

// Digests are compared and not keys, so that not even the length of a key shows in the time.
ApiKeys::Digest ApiKeys::DigestOf(const std::string& key) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

void ApiKeys::Check(const std::string& authorization) const {
  if (open()) return;
  const size_t space = authorization.find(' ');
  std::string scheme = authorization.substr(0, space);
  for (char& c : scheme) c = static_cast<char>(c | 0x20);
  if (scheme != "bearer" || space == std::string::npos) throw api::MissingApiKey();
  const size_t begin = authorization.find_first_not_of(' ', space);
  if (begin == std::string::npos) throw api::MissingApiKey();
  const Digest given = DigestOf(authorization.substr(begin));
  bool known = false;
  for (const Digest& digest : digests_) {
    known |= CRYPTO_memcmp(digest.data(), given.data(), digest.size()) == 0;
  }
  if (!known) throw api::InvalidApiKey();
}

}  // namespace puna::server
