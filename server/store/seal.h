// Texts that a client keeps for the server and hands back: it cannot read them, and a changed one is found out.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace puna::server {

// AES-256-GCM with a random nonce, in base64, behind the version of this form. The owner is sealed in, so that nobody opens what
// was made for another.
class Seal {
 public:
  // A key that ends with the process.
  Seal();
  // The key in this file, which is made where there is none, for this user alone; several servers may share it. Throws
  // std::runtime_error.
  explicit Seal(const std::string& file);

  std::string Close(std::string_view text, std::string_view owner) const;
  // None: it is not of this key and owner, or has been changed.
  std::optional<std::string> Open(std::string_view sealed, std::string_view owner) const;

  static constexpr size_t kKeyBytes = 32;

 private:
  using Key = std::array<unsigned char, kKeyBytes>;

  Key key_;
};

}  // namespace puna::server
