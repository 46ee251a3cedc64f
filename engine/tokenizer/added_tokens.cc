#include "engine/tokenizer/added_tokens.h"

#include <algorithm>
#include <utility>

namespace puna::engine {
namespace {

bool ByText(const AddedToken& a, const AddedToken& b) { return a.text < b.text; }

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::sort(tokens_.begin(), tokens_.end(), ByText);
  for (const AddedToken& t : tokens_) starts_[static_cast<unsigned char>(t.text[0])] = true;
}

std::optional<TokenId> AddedTokenMatcher::Id(std::string_view text) const {
  const auto at = std::lower_bound(tokens_.begin(), tokens_.end(), text,
                                   [](const AddedToken& t, std::string_view s) { return t.text < s; });
  if (at == tokens_.end() || at->text != text) return std::nullopt;
  return at->id;
}

AddedTokenMatcher::Match AddedTokenMatcher::FindIn(std::string_view text, size_t from) const {
  for (size_t pos = NextCandidate(text, from); pos < text.size(); pos = NextCandidate(text, pos + 1)) {
    if (const Match match = LongestAt(text, pos); match.length != 0) return match;
  }
  return {};
}

size_t AddedTokenMatcher::NextCandidate(std::string_view text, size_t from) const {
  while (from < text.size() && !starts_[static_cast<unsigned char>(text[from])]) ++from;
  return from;
}

// Narrows the sorted range of tokens that agree with the text, one byte at a time. Of the tokens
// that agree in `depth` bytes, one of exactly that length comes first.
AddedTokenMatcher::Match AddedTokenMatcher::LongestAt(std::string_view text, size_t begin) const {
  Match best;
  auto low = tokens_.begin();
  auto high = tokens_.end();
  for (size_t depth = 0; begin + depth < text.size() && low != high; ++depth) {
    const auto byte = static_cast<unsigned char>(text[begin + depth]);
    const auto byte_of = [depth](const AddedToken& t) { return static_cast<unsigned char>(t.text[depth]); };
    low = std::partition_point(low, high,
                               [&](const AddedToken& t) { return t.text.size() <= depth || byte_of(t) < byte; });
    high = std::partition_point(low, high, [&](const AddedToken& t) { return byte_of(t) == byte; });
    if (low != high && low->text.size() == depth + 1) best = {begin, depth + 1, low->id};
  }
  return best;
}

}  // namespace puna::engine
