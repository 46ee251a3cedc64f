#include "engine/grammar/automata/char_set.h"

#include <algorithm>

#include "engine/text/json_quote.h"
#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

// The UTF-8 of [lo, hi], whose ends have the same number of bytes: split until each byte's range is
// free of the others'.
void AddUtf8Range(const std::string& lo, const std::string& hi, GrammarBuilder& builder, std::vector<NodeId>& out) {
  const auto byte = [](char c) { return static_cast<uint8_t>(c); };
  size_t first = 0;  // where they begin to differ
  while (first < lo.size() && lo[first] == hi[first]) ++first;
  const auto ends = [&](const std::string& text, uint8_t end) {
    return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(std::min(first + 1, text.size())), text.end(),
                       [&](char c) { return byte(c) == end; });
  };
  if (first < lo.size() && !ends(lo, 0x80)) {
    std::string top = lo, next = lo;
    std::fill(top.begin() + static_cast<std::ptrdiff_t>(first) + 1, top.end(), '\xBF');
    std::fill(next.begin() + static_cast<std::ptrdiff_t>(first) + 1, next.end(), '\x80');
    ++next[first];
    AddUtf8Range(lo, top, builder, out);
    return AddUtf8Range(next, hi, builder, out);
  }
  if (first < lo.size() && !ends(hi, 0xBF)) {
    std::string bottom = hi, before = hi;
    std::fill(bottom.begin() + static_cast<std::ptrdiff_t>(first) + 1, bottom.end(), '\x80');
    std::fill(before.begin() + static_cast<std::ptrdiff_t>(first) + 1, before.end(), '\xBF');
    --before[first];
    AddUtf8Range(lo, before, builder, out);
    return AddUtf8Range(bottom, hi, builder, out);
  }
  std::vector<NodeId> bytes;
  for (size_t i = 0; i < lo.size(); ++i) bytes.push_back(builder.Range(byte(lo[i]), byte(hi[i])));
  out.push_back(builder.Sequence(std::move(bytes)));
}

void AddUtf8(CharSet::Range range, GrammarBuilder& builder, std::vector<NodeId>& out) {
  for (const uint32_t last : {0x7FFu, 0xFFFFu, 0x10FFFFu}) {
    if (range.first > range.second || range.first > last) continue;
    std::string lo, hi;
    text::AppendUtf8(range.first, lo);
    text::AppendUtf8(std::min(range.second, last), hi);
    AddUtf8Range(lo, hi, builder, out);
    range.first = last + 1;
  }
}

}  // namespace

CharSet::CharSet(std::vector<Range> ranges) {
  std::vector<Range> split;
  for (const auto& [lo, hi] : ranges) {
    if (lo < 0xD800) split.emplace_back(lo, std::min(hi, 0xD7FFu));
    if (hi > 0xDFFF) split.emplace_back(std::max(lo, 0xE000u), std::min(hi, kMaxChar));
  }
  std::sort(split.begin(), split.end());
  for (const Range& range : split) {
    if (range.first > range.second) continue;
    if (!ranges_.empty() && range.first <= ranges_.back().second + 1)
      ranges_.back().second = std::max(ranges_.back().second, range.second);
    else
      ranges_.push_back(range);
  }
}

bool CharSet::Contains(uint32_t c) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [c](const Range& r) { return r.first <= c && c <= r.second; });
}

CharSet CharSet::Union(const CharSet& other) const {
  std::vector<Range> all = ranges_;
  all.insert(all.end(), other.ranges_.begin(), other.ranges_.end());
  return CharSet(std::move(all));
}

CharSet CharSet::Complement() const {
  std::vector<Range> gaps;
  uint32_t from = 0;
  for (const auto& [lo, hi] : ranges_) {
    if (lo > from) gaps.emplace_back(from, lo - 1);
    from = hi + 1;
  }
  if (from <= kMaxChar) gaps.emplace_back(from, kMaxChar);
  return CharSet(std::move(gaps));
}

NodeId CharNode(const CharSet& set, CharEncoding encoding, GrammarBuilder& builder) {
  ByteSet ascii;
  std::vector<std::string> escapes;
  std::vector<NodeId> branches;
  for (const CharSet::Range& range : set.ranges()) {
    for (uint32_t c = range.first; c <= std::min(range.second, 0x7Fu); ++c) {
      std::string text;
      if (encoding == CharEncoding::kJson) text::AppendJsonChar(c, text);
      if (text.size() > 1)
        escapes.push_back(text);
      else
        ascii.set(c);
    }
    AddUtf8({std::max(range.first, 0x80u), range.second}, builder, branches);
  }
  if (!escapes.empty()) branches.insert(branches.begin(), builder.Literals(std::move(escapes)));
  if (ascii.any()) branches.insert(branches.begin(), builder.Bytes(ascii));
  return builder.Choice(std::move(branches));
}

}  // namespace puna::engine
