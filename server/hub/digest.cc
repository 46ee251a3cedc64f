#include "server/hub/digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace puna::server {
namespace {

class Digest {
 public:
  explicit Digest(const EVP_MD* kind) : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), kind, nullptr) != 1) Fail();
  }
  void Add(std::string_view bytes) {
    if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) Fail();
  }
  std::string Hex() {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(context_.get(), bytes, &size) != 1) Fail();
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) {
      hex += "0123456789abcdef"[bytes[i] >> 4];
      hex += "0123456789abcdef"[bytes[i] & 15];
    }
    return hex;
  }

 private:
  [[noreturn]] static void Fail() { throw std::runtime_error("OpenSSL refuses to compute a checksum"); }

  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string DigestOfFile(const std::string& path, int64_t size, bool sha256, const std::function<bool()>& go_on) {
  constexpr int64_t kPiece = 1 << 20;
  std::ifstream in(path, std::ios::binary);
  Digest digest(sha256 ? EVP_sha256() : EVP_sha1());
  if (!sha256) digest.Add("blob " + std::to_string(size) + std::string(1, '\0'));
  std::vector<char> piece(static_cast<size_t>(std::min(kPiece, std::max<int64_t>(size, 1))));
  for (int64_t left = size; left > 0;) {
    const auto wanted = static_cast<std::streamsize>(std::min<int64_t>(left, static_cast<int64_t>(piece.size())));
    if (!in.read(piece.data(), wanted)) throw std::runtime_error(path + ": cannot be read");
    if (!go_on()) throw std::runtime_error("stopped");
    digest.Add({piece.data(), static_cast<size_t>(wanted)});
    left -= wanted;
  }
  return digest.Hex();
}

}  // namespace puna::server
