#include "server/store/seal.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <system_error>

#include "engine/text/base64.h"

namespace puna::server {
namespace {

constexpr std::string_view kSealForm = "puna1.";
constexpr size_t kNonceBytes = 12, kTagBytes = 16;

struct CipherEnd {
  void operator()(EVP_CIPHER_CTX* cipher) const { EVP_CIPHER_CTX_free(cipher); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, CipherEnd>;

void NeedSealing(bool worked) {
  if (!worked) throw std::runtime_error("OpenSSL failed to seal a text");
}

const unsigned char* BytesOf(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// One pass of the cipher: encrypting, or decrypting. False: the data is not what was sealed.
bool PassCipher(bool encrypting, const unsigned char* key, std::string_view owner, const unsigned char* nonce,
                unsigned char* tag, std::string_view in, std::string& out) {
  const Cipher cipher(EVP_CIPHER_CTX_new());
  NeedSealing(cipher != nullptr);
  EVP_CIPHER_CTX* c = cipher.get();
  int written = 0;
  NeedSealing(EVP_CipherInit_ex(c, EVP_aes_256_gcm(), nullptr, key, nonce, encrypting ? 1 : 0) == 1);
  if (!owner.empty())
    NeedSealing(EVP_CipherUpdate(c, nullptr, &written, BytesOf(owner), static_cast<int>(owner.size())) == 1);
  out.resize(in.size());
  if (!in.empty())
    NeedSealing(EVP_CipherUpdate(c, reinterpret_cast<unsigned char*>(out.data()), &written, BytesOf(in),
                                 static_cast<int>(in.size())) == 1);
  if (!encrypting) NeedSealing(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, kTagBytes, tag) == 1);
  unsigned char nothing[EVP_MAX_BLOCK_LENGTH];
  if (EVP_CipherFinal_ex(c, nothing, &written) != 1) return false;
  if (encrypting) NeedSealing(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, kTagBytes, tag) == 1);
  return true;
}

// One text has one form here: bits that mean nothing are none to be changed.
std::optional<std::string> FromOnlyBase64(std::string_view text) {
  std::optional<std::string> bytes = text::FromBase64(text);
  if (bytes && text::ToBase64(*bytes) != text) bytes.reset();
  return bytes;
}

struct KeyDescriptor {
  ~KeyDescriptor() {
    if (number >= 0) close(number);
  }
  int number;
};

[[noreturn]] void FailKey(const std::string& file, const std::string& what) {
  throw std::runtime_error(file + ": " + what);
}

// Written whole under another name first: whoever finds the file finds all of the key.
void MakeKeyFile(const std::string& file, const unsigned char* key) {
  std::string made = file + ".XXXXXX";
  {
    const KeyDescriptor out{mkostemp(made.data(), O_CLOEXEC)};  // for this user alone
    if (out.number < 0) FailKey(file, std::generic_category().message(errno));
    const bool written = write(out.number, key, Seal::kKeyBytes) == static_cast<ssize_t>(Seal::kKeyBytes);
    if (!written || fsync(out.number) != 0) {
      unlink(made.c_str());
      FailKey(file, "the key cannot be written");
    }
  }
  const int error = link(made.c_str(), file.c_str()) == 0 ? 0 : errno;
  unlink(made.c_str());
  if (error != 0 && error != EEXIST)  // of two servers one is faster
    FailKey(file, std::generic_category().message(error));
}

}  // namespace

Seal::Seal() { NeedSealing(RAND_bytes(key_.data(), static_cast<int>(key_.size())) == 1); }

Seal::Seal(const std::string& file) : Seal() {
  if (access(file.c_str(), F_OK) != 0) MakeKeyFile(file, key_.data());
  const KeyDescriptor in{open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (in.number < 0) FailKey(file, std::generic_category().message(errno));
  if (read(in.number, key_.data(), key_.size()) != static_cast<ssize_t>(key_.size()))
    FailKey(file, "it is no key; delete it, and a new one is made (what the old one sealed is lost)");
}

std::string Seal::Close(std::string_view text, std::string_view owner) const {
  unsigned char nonce[kNonceBytes], tag[kTagBytes];
  NeedSealing(RAND_bytes(nonce, sizeof nonce) == 1);
  std::string hidden;
  NeedSealing(PassCipher(true, key_.data(), owner, nonce, tag, text, hidden));
  const std::string whole = std::string(nonce, nonce + sizeof nonce) + hidden + std::string(tag, tag + sizeof tag);
  return std::string(kSealForm) + text::ToBase64(whole);
}

std::optional<std::string> Seal::Open(std::string_view sealed, std::string_view owner) const {
  constexpr size_t kMostBytes = size_t{64} << 20;
  if (!sealed.starts_with(kSealForm) || sealed.size() > kMostBytes) return std::nullopt;
  const std::optional<std::string> whole = FromOnlyBase64(sealed.substr(kSealForm.size()));
  if (!whole || whole->size() < kNonceBytes + kTagBytes) return std::nullopt;
  const std::string_view hidden = std::string_view(*whole).substr(kNonceBytes, whole->size() - kNonceBytes - kTagBytes);
  unsigned char tag[kTagBytes];
  std::copy_n(whole->end() - kTagBytes, kTagBytes, tag);
  std::string text;
  if (!PassCipher(false, key_.data(), owner, BytesOf(*whole), tag, hidden, text)) return std::nullopt;
  return text;
}

}  // namespace puna::server
