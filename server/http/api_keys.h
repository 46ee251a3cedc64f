// The keys that clients may use.
#pragma once

#include <array>
#include <string>
#include <vector>

namespace puna::server {

class ApiKeys {
 public:
  // No keys: the server is open.
  explicit ApiKeys(const std::vector<std::string>& keys);

  bool open() const { return digests_.empty(); }

  // `authorization` is the header of that name. Throws api::ApiError (401) unless it holds one of
  // the keys. The time taken does not depend on how much of a key was right.
  void Check(const std::string& authorization) const;

 private:
  using Digest = std::array<unsigned char, 32>;
  static Digest DigestOf(const std::string& key);

  std::vector<Digest> digests_;
};

}  // namespace puna::server
