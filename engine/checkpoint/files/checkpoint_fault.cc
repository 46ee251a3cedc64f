#include "engine/checkpoint/files/checkpoint_fault.h"

#include <stdexcept>

namespace puna::engine {

void Throw(const CheckpointFault& fault) {
  std::string text = fault.path;
  if (!fault.item.empty()) text += ": " + fault.item;
  text += ": expected " + fault.expected + ", found " + fault.found;
  if (!fault.remedy.empty()) text += "; " + fault.remedy;
  throw std::runtime_error(text);
}

void ThrowNotFinite(const std::string& path, const std::string& tensor, int64_t row, const char* what, float found) {
  Throw({.path = path,
         .item = Printable(tensor) + ", row " + std::to_string(row),
         .expected = std::string("a ") + what + " that is a finite number",
         .found = std::to_string(found),
         .remedy = "the weights are broken: download the file again, or use another quantisation of this model"});
}

std::string Printable(std::string_view text) {
  constexpr size_t kMost = 120;
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  if (text.size() > kMost) out += "...";
  return out;
}

std::string ShapeText(std::span<const int64_t> shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i == 8) return out + ", ...]";
    if (i > 0) out += ", ";
    out += std::to_string(shape[i]);
  }
  return out + "]";
}

}  // namespace puna::engine
