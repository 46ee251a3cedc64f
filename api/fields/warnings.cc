#include "api/fields/warnings.h"

#include <algorithm>

namespace puna::api {

namespace {

constexpr size_t kMaxWarnings = 20;
constexpr size_t kMaxText = 300;
constexpr size_t kMaxHeader = 4000;

}  // namespace

void Warnings::Add(std::string text) {
  if (texts_.size() == kMaxWarnings) {
    ++left_out_;
    return;
  }
  if (text.size() > kMaxText) text = text.substr(0, kMaxText) + "...";
  texts_.push_back(std::move(text));
}

void Warnings::AddOnce(const std::string& text) {
  const auto same = [&](const std::string& known) {
    return known == text.substr(0, kMaxText) + "..." || known == text;
  };
  if (std::none_of(texts_.begin(), texts_.end(), same)) Add(text);
}

std::string Warnings::HeaderValue() const {
  std::string line;
  for (const std::string& text : texts_) line += (line.empty() ? "" : "; ") + text;
  if (left_out_ > 0) line += "; and " + std::to_string(left_out_) + " more";
  if (line.size() > kMaxHeader) line = line.substr(0, kMaxHeader) + "...";
  for (char& c : line) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return line;
}

}  // namespace puna::api
