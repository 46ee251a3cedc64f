#include "engine/tokenizer/load_error.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

constexpr uintmax_t kMaxFileBytes = uintmax_t{128} << 20;
constexpr size_t kMaxShown = 200;

std::string OneLine(std::string_view text) {
  std::string out = text::ReplaceInvalidUtf8(text.substr(0, kMaxShown));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text.size() <= kMaxShown ? out : out + "...";
}

}  // namespace

void ThrowLoadError(std::string_view source, std::string_view where, std::string_view expected, std::string_view found,
                    std::string_view remedy) {
  std::string message(source);
  message += ": ";
  if (!where.empty()) message.append(OneLine(where)).append(": ");
  message.append("expected ").append(expected).append(", found ").append(OneLine(found));
  message.append("; ").append(remedy);
  throw std::runtime_error(message);
}

std::string ReadTokenizerFile(const std::string& path) {
  const auto refuse = [&](std::string_view found) {
    ThrowLoadError(path, "", "a readable tokenizer file", found, "check the path and its permissions");
  };
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error) refuse(error.message());
  if (size > kMaxFileBytes) {
    ThrowLoadError(path, "", "at most 128 MiB", std::to_string(size) + " bytes", "this is not a tokenizer file");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(std::strerror(errno));
  std::string text(size, '\0');
  file.read(text.data(), static_cast<std::streamsize>(size));
  if (file.gcount() != static_cast<std::streamsize>(size)) refuse("a file that ends early");
  return text;
}

}  // namespace puna::engine
