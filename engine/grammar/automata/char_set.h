// Sets of Unicode characters (code points without surrogates), and their bytes as grammar.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "engine/grammar/automata/grammar.h"

namespace puna::engine {

// Ranges with both ends included; sorted, apart from each other.
class CharSet {
 public:
  using Range = std::pair<uint32_t, uint32_t>;
  static constexpr uint32_t kMaxChar = 0x10FFFF;

  CharSet() = default;
  CharSet(std::initializer_list<Range> ranges) : CharSet(std::vector<Range>(ranges)) {}
  explicit CharSet(std::vector<Range> ranges);  // in any order; surrogates are left out
  static CharSet All() { return {{0, kMaxChar}}; }
  static CharSet Word() { return {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}; }  // \w, as ECMA has it

  const std::vector<Range>& ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }
  bool Contains(uint32_t c) const;
  CharSet Union(const CharSet& other) const;
  CharSet Complement() const;

 private:
  std::vector<Range> ranges_;
};

// How characters are written: as they are, or inside a JSON string (with an escape only where JSON
// demands one, and then the shortest).
enum class CharEncoding { kUtf8, kJson };

NodeId CharNode(const CharSet& set, CharEncoding encoding, GrammarBuilder& builder);

}  // namespace puna::engine
