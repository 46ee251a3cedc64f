// UTF-8 text that knows, for every byte, whether the template wrote it (trusted) or it came with the request.
// Offsets are bytes unless said otherwise. Its memory, and the time to make it, are charged to the meter that it was made
// with; a copy has the original's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/template/meter.h"
#include "api/template/prompt_piece.h"

namespace puna::api::jinja {

class TrackedText {
 public:
  explicit TrackedText(Meter* meter) : charge_(meter) {}
  TrackedText(Meter* meter, std::string_view bytes, bool trusted) : charge_(meter) { Append(bytes, trusted); }

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  // In characters, as Python counts.
  size_t length() const { return length_; }
  Meter* meter() const { return charge_.meter(); }
  bool ascii() const { return length_ == bytes_.size(); }

  bool TrustedAt(size_t at) const;
  // End of the stretch of one trust that byte `at` belongs to.
  size_t StretchEnd(size_t at) const;

  void Append(std::string_view bytes, bool trusted);
  void Append(const TrackedText& other) { AppendRange(other, 0, other.size()); }
  void AppendRange(const TrackedText& other, size_t begin, size_t end);
  TrackedText Substring(Meter* meter, size_t begin, size_t end) const;

  // Byte offset of character `index` (0 <= index <= length()).
  size_t OffsetOf(Meter* meter, size_t index) const;

  std::vector<PromptPiece> Pieces() const;

 private:
  void SetTrust(bool trusted);
  void CheckGrowth(size_t more);

  std::string bytes_;
  size_t length_ = 0;
  bool first_trusted_ = false;
  std::vector<size_t> flips_;  // ascending; at each the trust changes
  Charge charge_;
};

}  // namespace puna::api::jinja
