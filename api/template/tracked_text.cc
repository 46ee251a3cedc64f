#include "api/template/tracked_text.h"

#include <algorithm>

#include "api/template/template_error.h"
#include "engine/text/utf8.h"

namespace puna::api::jinja {
namespace {

constexpr size_t kOverhead = 160;  // of a string value beside its bytes

}  // namespace

bool TrackedText::TrustedAt(size_t at) const {
  const size_t flips = std::upper_bound(flips_.begin(), flips_.end(), at) - flips_.begin();
  return first_trusted_ != (flips % 2 == 1);
}

size_t TrackedText::StretchEnd(size_t at) const {
  const auto next = std::upper_bound(flips_.begin(), flips_.end(), at);
  return next == flips_.end() ? size() : *next;
}

void TrackedText::CheckGrowth(size_t more) {
  SpendBytes(meter(), more);
  const size_t size = bytes_.size() + more;
  if (meter() != nullptr && size > meter()->limits().max_text) {
    throw TemplateError(TemplateError::Kind::kLimit, "the template makes a text of more than " +
                                                         std::to_string(meter()->limits().max_text) + " bytes");
  }
  if (size + flips_.size() * sizeof(size_t) + kOverhead > charge_.bytes()) {
    // The string doubles as it grows; a first text is taken to fit.
    const size_t capacity = bytes_.empty() ? size : std::max(size, 2 * bytes_.size());
    charge_.Set(capacity + 2 * flips_.size() * sizeof(size_t) + kOverhead);
    bytes_.reserve(capacity);
  }
}

void TrackedText::SetTrust(bool trusted) {
  if (bytes_.empty()) {
    first_trusted_ = trusted;
  } else if (trusted != (first_trusted_ != (flips_.size() % 2 == 1))) {
    flips_.push_back(bytes_.size());
  }
}

void TrackedText::Append(std::string_view bytes, bool trusted) {
  if (bytes.empty()) return;
  CheckGrowth(bytes.size());
  SetTrust(trusted);
  bytes_ += bytes;
  length_ += text::CountCodePoints(bytes);
}

void TrackedText::AppendRange(const TrackedText& other, size_t begin, size_t end) {
  if (begin >= end) return;
  CheckGrowth(end - begin);
  bool trusted = other.TrustedAt(begin);
  auto flip = std::upper_bound(other.flips_.begin(), other.flips_.end(), begin);
  for (size_t at = begin; at < end; trusted = !trusted) {
    const size_t stop = flip == other.flips_.end() ? end : std::min(end, *flip++);
    SetTrust(trusted);
    bytes_.append(other.bytes_, at, stop - at);
    at = stop;
  }
  const bool whole = begin == 0 && end == other.size();
  const std::string_view added(bytes_.data() + bytes_.size() - (end - begin), end - begin);
  length_ += other.ascii() ? end - begin : whole ? other.length_ : text::CountCodePoints(added);
}

TrackedText TrackedText::Substring(Meter* meter, size_t begin, size_t end) const {
  TrackedText part(meter);
  part.AppendRange(*this, begin, end);
  return part;
}

size_t TrackedText::OffsetOf(Meter* meter, size_t index) const {
  if (ascii() || index == 0) return index;
  if (index == length_) return size();
  SpendBytes(meter, size());
  size_t at = 0;
  for (; at < size() && index > 0; --index) at += text::DecodeUtf8(bytes_, at).length;
  return at;
}

std::vector<PromptPiece> TrackedText::Pieces() const {
  std::vector<PromptPiece> pieces;
  pieces.reserve(flips_.size() + 1);
  for (size_t at = 0; at < size();) {
    const size_t end = StretchEnd(at);
    pieces.push_back({bytes_.substr(at, end - at), TrustedAt(at)});
    at = end;
  }
  return pieces;
}

}  // namespace puna::api::jinja
