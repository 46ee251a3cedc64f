#include "engine/grammar/schema/uri.h"

#include <algorithm>
#include <cctype>

namespace puna::engine {
namespace {

bool HasScheme(const std::string& uri) {
  const size_t end = uri.find_first_of(":/?#");
  return end != std::string::npos && end > 0 && uri[end] == ':';
}

// The length of "scheme://authority".
size_t RootLength(const std::string& uri) {
  const size_t slashes = uri.find("://");
  if (slashes == std::string::npos) return std::min(uri.find(':') + 1, uri.size());
  return std::min(uri.find_first_of("/?#", slashes + 3), uri.size());
}

// Without its segments "." and "..".
std::string WithoutDots(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/', 1), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    if (segment == "/.." || segment == "/.") {
      if (segment == "/..") out.resize(std::min(out.rfind('/'), out.size()));
      if (path.empty()) out += '/';
    } else {
      out += segment;
    }
  }
  return out;
}

}  // namespace

std::string ResolveUri(const std::string& base, const std::string& reference) {
  if (base.empty() || HasScheme(reference)) return reference;
  const std::string whole = base.substr(0, base.find('#'));
  if (reference.empty() || reference[0] == '#') return whole + reference;
  if (reference.starts_with("//")) return whole.substr(0, whole.find(':') + 1) + reference;
  const size_t root = HasScheme(whole) ? RootLength(whole) : 0;
  const std::string before = whole.substr(0, whole.find('?'));
  const size_t tail = std::min(reference.find_first_of("?#"), reference.size());
  std::string path = reference.substr(0, tail);
  if (path.empty()) return before + reference;
  const size_t slash = before.rfind('/');
  const bool has_folder = slash != std::string::npos && slash >= root;
  if (path[0] != '/') path = (has_folder ? before.substr(root, slash + 1 - root) : root > 0 ? "/" : "") + path;
  const bool rooted = path.starts_with('/');
  return whole.substr(0, root) + (rooted ? WithoutDots(path) : path) + reference.substr(tail);
}

std::string UnescapeUri(std::string_view text) {
  const auto is_hex = [&](size_t i) {
    return i < text.size() && std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && is_hex(i + 1) && is_hex(i + 2)) {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace puna::engine
