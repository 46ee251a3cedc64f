#include "engine/grammar/automata/char_set.h"

#include <algorithm>
#include <map>

#include "engine/text/json_quote.h"
#include "engine/text/utf8.h"

namespace puna::engine {
namespace {

// The UTF-8 of characters, as a tree over their bytes: what follows alike is shared, and at most one branch fits a byte.
class Utf8Tree {
 public:
  explicit Utf8Tree(GrammarBuilder& builder) : b_(builder) {}

  // Characters from `first` to `last`, which are written with a lead byte from `lead` on and `tail` further ones.
  void Add(const std::vector<CharSet::Range>& ranges, uint32_t first, uint32_t last, uint8_t lead, int tail,
           std::vector<NodeId>& out) {
    std::map<NodeId, ByteSet> by_rest;
    const int bits = 6 * tail;
    for (uint32_t high = first >> bits; high <= last >> bits; ++high) {
      const Ranges inner =
          Within(ranges, std::max(first, high << bits), std::min(last, ((high + 1) << bits) - 1), high << bits);
      if (!inner.empty()) by_rest[Tail(inner, tail)].set(lead + high);
    }
    for (const auto& [rest, bytes] : by_rest) out.push_back(b_.Sequence({b_.Bytes(bytes), rest}));
  }

 private:
  using Ranges = std::vector<CharSet::Range>;

  // The part of sorted `ranges` from lo to hi, counted from `origin`.
  static Ranges Within(const Ranges& ranges, uint32_t lo, uint32_t hi, uint32_t origin) {
    Ranges inner;
    auto at = std::lower_bound(ranges.begin(), ranges.end(), lo,
                               [](const CharSet::Range& r, uint32_t x) { return r.second < x; });
    for (; at != ranges.end() && at->first <= hi; ++at)
      inner.emplace_back(std::max(at->first, lo) - origin, std::min(at->second, hi) - origin);
    return inner;
  }

  // `bytes` continuation bytes that hold a number out of `ranges`.
  NodeId Tail(const Ranges& ranges, int bytes) {
    const auto [at, added] = tails_.try_emplace({bytes, ranges}, 0);
    if (!added) return at->second;
    std::map<NodeId, ByteSet> by_rest;
    const int bits = 6 * (bytes - 1);
    ByteSet last;
    for (uint32_t high = 0; high < 64; ++high) {
      const Ranges inner = Within(ranges, high << bits, ((high + 1) << bits) - 1, high << bits);
      if (inner.empty()) continue;
      if (bytes == 1)
        last.set(0x80 + high);
      else
        by_rest[Tail(inner, bytes - 1)].set(0x80 + high);
    }
    std::vector<NodeId> branches;
    if (bytes == 1) branches.push_back(b_.Bytes(last));
    for (const auto& [rest, set] : by_rest) branches.push_back(b_.Sequence({b_.Bytes(set), rest}));
    return tails_[{bytes, ranges}] = b_.Choice(std::move(branches));
  }

  GrammarBuilder& b_;
  std::map<std::pair<int, Ranges>, NodeId> tails_;
};

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
  const auto at =
      std::lower_bound(ranges_.begin(), ranges_.end(), c, [](const Range& r, uint32_t x) { return r.second < x; });
  return at != ranges_.end() && at->first <= c;
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
  }
  Utf8Tree tree(builder);
  tree.Add(set.ranges(), 0x80, 0x7FF, 0xC0, 1, branches);
  tree.Add(set.ranges(), 0x800, 0xFFFF, 0xE0, 2, branches);
  tree.Add(set.ranges(), 0x10000, CharSet::kMaxChar, 0xF0, 3, branches);
  if (!escapes.empty()) branches.insert(branches.begin(), builder.Literals(std::move(escapes)));
  if (ascii.any()) branches.insert(branches.begin(), builder.Bytes(ascii));
  return builder.Choice(std::move(branches));
}

}  // namespace puna::engine
