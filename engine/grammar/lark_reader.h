// Lark's grammars (github.com/lark-parser/lark, docs/grammar.md), as the custom tools of agents are described with: text to rules.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace puna::engine {

struct LarkExpr {
  enum class Kind {
    kName,      // of a rule or a terminal: `text`
    kLiteral,   // `text`
    kRegex,     // `text`, as Python writes them
    kRange,     // one character from `first` to `last`
    kSequence,  // the children one after the other; none: the empty text
    kChoice,    // one of the children
    kRepeat,    // the only child, min to max times
  };
  Kind kind = Kind::kSequence;
  std::string text = {};
  bool ignore_case = false;  // kLiteral
  uint32_t first = 0, last = 0;
  int min = 0, max = 0;
  std::vector<LarkExpr> children = {};
};

struct LarkGrammar {
  std::map<std::string, LarkExpr> definitions;  // of rules and terminals; those of Lark's library as common.NAME
  std::vector<LarkExpr> ignored;                // %ignore: what may stand between terminals
};

// Terminals are written in capitals. Between their parts nothing is ignored.
bool IsLarkTerminal(std::string_view name);

// Reads rules, terminals, strings, regular expressions, ranges, all operators, aliases, priorities, %ignore and %import from
// common. Throws GrammarMistake for what is no Lark, or names what nothing defines, and GrammarError for what is Lark but not
// followed here: templates, %declare, %override, %extend, imports from elsewhere.
LarkGrammar ReadLark(std::string_view text);

}  // namespace puna::engine
