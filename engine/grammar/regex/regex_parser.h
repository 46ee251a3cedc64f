// The reader behind ParseRegex.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/grammar/regex/regex.h"

namespace puna::engine {

class RegexParser {
 public:
  RegexParser(std::string_view pattern, const Place& place);
  Regex Parse();  // with conditions

 private:
  static constexpr int kMaxDepth = 100;
  static constexpr int kMaxCopies = 100'000;  // product of nested counts, against bombs
  static constexpr size_t kMaxLength = 20'000;
  struct Flags {
    bool ignore_case = false, dot_all = false;
  };

  [[noreturn]] void Fail(const std::string& message) const;
  bool AtEnd() const { return at_ == chars_.size(); }
  bool Peek(char c) const { return !AtEnd() && chars_[at_] == static_cast<uint32_t>(c); }
  bool Take(char c);
  bool TakeAll(std::string_view text);

  Regex ParseChoice(int depth);
  Regex ParseConcat(int depth);
  Regex ParseAtom(int depth);
  Regex ParseGroup(int depth);
  Regex ParseLook(int depth, bool negated, bool behind);
  Regex ParseFlags(int depth);
  void ParseName();
  std::optional<Regex> ParseCondition();
  void ParseQuantifier(Regex& atom);
  bool ParseCounts(int& min, int& max);
  std::optional<int> ParseNumber();
  CharSet ParseClass();
  CharSet ParseClassAtom();
  CharSet ParseEscape(bool in_class);
  CharSet ParseProperty(bool negated);
  uint32_t ParseHex(int digits);
  uint32_t ParseUnicodeEscape();
  Regex Chars(CharSet set) const;

  std::vector<char32_t> chars_;
  size_t at_ = 0;
  Flags flags_;
  int behind_ = 0;  // how many look-behinds are open
  const Place& place_;
};

}  // namespace puna::engine
