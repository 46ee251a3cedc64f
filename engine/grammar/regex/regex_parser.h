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
  RegexParser(std::string_view pattern, std::string keyword, std::string path);
  Regex Parse();  // with anchors

 private:
  static constexpr int kMaxDepth = 100;
  static constexpr int kMaxCopies = 100'000;  // product of nested counts, against bombs
  static constexpr size_t kMaxLength = 20'000;

  [[noreturn]] void Fail(const std::string& message) const;
  bool AtEnd() const { return at_ == chars_.size(); }
  bool Peek(char c) const { return !AtEnd() && chars_[at_] == static_cast<uint32_t>(c); }
  bool Take(char c);
  bool TakeAll(std::string_view text);

  Regex ParseChoice(int depth);
  Regex ParseConcat(int depth);
  Regex ParseAtom(int depth);
  Regex ParseGroup(int depth);
  void ParseQuantifier(Regex& atom);
  std::optional<int> ParseNumber();
  CharSet ParseClass();
  CharSet ParseEscape(bool in_class);
  uint32_t ParseHex(int digits);
  uint32_t ParseUnicodeEscape();

  std::vector<char32_t> chars_;
  size_t at_ = 0;
  std::string keyword_, path_;
};

}  // namespace puna::engine
