// Custom tools: texts by a Lark grammar or a regex, written as JSON.
#include "engine/grammar/lark.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/grammar/automata/grammar_error.h"
#include "tests/engine/grammar/compile_support.h"
#include "tests/engine/grammar/grammar_runner.h"

namespace puna::engine {
namespace {

using Input = ToolGrammarSpec::Input;

Grammar Compile(std::string_view lark) {
  Compilation compilation;
  GrammarBuilder b(compilation);
  const NodeId root = ParseLark(lark, CharEncoding::kUtf8, b);
  return std::move(b).Finish(root, "lark", "#");
}

bool Whole(const Grammar& grammar, const std::string& text) { return Run(grammar, text) == Match::kWhole; }

void Check(std::string_view lark, const std::vector<std::string>& in, const std::vector<std::string>& out) {
  CAPTURE(lark);
  const Grammar grammar = Compile(lark);
  for (const std::string& text : in) CHECK_MESSAGE(Whole(grammar, text), text);
  for (const std::string& text : out) CHECK_MESSAGE(!Whole(grammar, text), text);
}

// Of the frame that patch tools have.
constexpr std::string_view kPatch = R"(
start: begin hunk+ end          // a comment
begin: "*** Begin Patch" LF
end: "*** End Patch" LF?

hunk: add_hunk | delete_hunk
    | update_hunk
add_hunk: "*** Add File: " filename LF add_line+
delete_hunk: "*** Delete File: " filename LF
update_hunk: "*** Update File: " filename LF [move] changes?

filename: /(.+)/
add_line: "+" /(.*)/ LF -> line
move: "*** Move to: " filename LF
?changes: (context | change)+ end_of_file?
context: ("@@" | "@@ " /(.+)/) LF
change: ("+" | "-" | " ") /(.*)/ LF
end_of_file: "*** End of File" LF

%import common.LF
)";

TEST_CASE("a patch tool's grammar") {
  Check(kPatch,
        {"*** Begin Patch\n*** Add File: a/b.txt\n+hello\n+\n*** End Patch\n",
         "*** Begin Patch\n*** Delete File: x\n*** Update File: \"y\\z\"\n*** Move to: q\n@@ def f():\n-a\n+\tb\r\n "
         "c\n*** End of "
         "File\n*** End Patch"},
        {"", "*** Begin Patch\n*** End Patch\n", "*** Begin Patch\n*** Add File: \n+x\n*** End Patch",
         "*** Begin Patch\n*** Add File: a\nhello\n*** End Patch\n",
         "*** Begin Patch\n*** Add File: a\n+x\n*** End Patch\n\n"});
}

TEST_CASE("operators, ranges, flags, and names of both kinds") {
  Check("start: \"a\"~2..3 \"b\" ~ 2 C* [\"d\"] (\"e\" | \"f\")?\nC: \"0\"..\"9\" | \"\\u00e4\"..\"\\xf6\"",
        {"aabb",
         "aaabb7\xc3\xa4"
         "9de",
         "aabbde"},
        {"abb", "aaaabb", "aabbb", "aabb\xc3\xbc"});
  Check("start: \"Select\"i /[a-c]+/i /x.y/s", {"sELECTAbCx\ny", "selectax.y"}, {"Selectdx.y", "selecx.y"});
  Check("start: /a\\/b\\\\/ _x ?\n_x.-1: \"\\\"\" \"\\t\" \"'\"\n!y: \"z\"", {"a/b\\", "a/b\\\"\t'"}, {"a\\/b\\"});
  Check("?start: A\n  | B -> b\n\nA: \"a\"\nB.5: \"b\" # another comment\n", {"a", "b"}, {"ab"});
  Check("start: (\n \"a\"\n | \"b\"\n)+ \\\n  \"c\"", {"abac"}, {"c", "ab"});
  Check("start: /^x+$/ \"y\"", {"xxy"}, {"y"});
}

TEST_CASE("rules that begin with themselves, and in the middle") {
  Check(
      "start: sum\nsum: sum \"+\" product | sum \"-\" product | product\nproduct: product \"*\" atom | atom\n"
      "atom: /[0-9]+/ | \"(\" sum \")\"",
      {"1", "1+2*3-(4-5)*6", "((7))"}, {"", "1+", "(1", "*2"});
}

TEST_CASE("what is ignored stands between terminals, and not inside of them") {
  const std::string_view lark = R"(start: pair ("," pair)*
pair: NAME "=" VALUE
NAME: LETTER+
VALUE: "<" NUMBER ">"
%import common (LETTER, NUMBER)
%import common.WS_INLINE -> BLANK
%ignore BLANK
%ignore /--[^\n]*\n/
)";
  Check(lark, {"a=<1>", "  ab = <1.5e3> , c  =<2> ", "a=<1> -- one\n,b=<2>"},
        {"a b=<1>", "a=< 1>", "a=<1>\n", "--a=<1>"});
}

TEST_CASE("Lark's library") {
  const std::vector<std::pair<std::string, std::pair<std::vector<std::string>, std::vector<std::string>>>> cases = {
      {"INT", {{"0", "42"}, {"", "-1", "1."}}},
      {"SIGNED_INT", {{"-1", "+2", "3"}, {"--1"}}},
      {"DECIMAL", {{"1.", "1.5", ".5"}, {".", "1"}}},
      {"FLOAT", {{"1e5", "1.5E-3", ".5"}, {"1"}}},
      {"SIGNED_NUMBER", {{"-1", "2.5e1", "+.5"}, {"e1"}}},
      {"ESCAPED_STRING", {{"\"\"", "\"a\\\"b\"", "\"\\\\\""}, {"\"", "\"a\"b\"", "\"\n\""}}},
      {"CNAME", {{"_a1", "B"}, {"1a", ""}}},
      {"HEXDIGIT", {{"f", "A", "9"}, {"g", "aa"}}},
      {"NEWLINE", {{"\n", "\r\n\n"}, {"\r", ""}}},
      {"WS", {{" \t\n"}, {"", "x"}}},
      {"C_COMMENT", {{"/**/", "/* a * / b **/"}, {"/* */ */", "/*"}}},
      {"CPP_COMMENT", {{"// x"}, {"/ x", "// x\n"}}}};
  for (const auto& [name, texts] : cases)
    Check("start: " + name + "\n%import common." + name, texts.first, texts.second);
}

TEST_CASE("what is no Lark is told with its line, what cannot be followed apart from it") {
  for (const auto& [lark, line] :
       std::vector<std::pair<std::string, std::string>>{{"start: \"a", "line 1"},
                                                        {"start: a\na: \"x\" )", "line 2"},
                                                        {"start: \"a\"\n\nb: missing", "line 3"},
                                                        {"start \"a\"", "line 1"},
                                                        {"begin: \"a\"", "line 1"},
                                                        {"start: \"a\"\nstart: \"b\"", "line 2"},
                                                        {"start: /a", "line 1"},
                                                        {"start: \"b\"..\"a\"", "line 1"},
                                                        {"start: \"a\"~3..2", "line 1"},
                                                        {"start: A\n%import common.A", "line 2"},
                                                        {"start: \"\\q\"", "line 1"}}) {
    const std::string given = lark;
    CAPTURE(given);
    try {
      Compile(lark);
      FAIL("taken");
    } catch (const GrammarMistake& e) {
      CHECK(e.path() == line);
    }
  }
  for (const char* lark :
       {"start: sep{\"a\"}\nsep{x}: x", "start: A\n%declare A", "start: A\n%import other.A",
        "start: a\na: b \"x\" | \"y\"\nb: a \"z\" | \"w\"", "start: start \"a\"", "start: /(a)\\1/"}) {
    CAPTURE(lark);
    CHECK_THROWS_AS(Compile(lark), GrammarError);
    try {
      Compile(lark);
    } catch (const GrammarMistake&) {
      FAIL("called a mistake");
    } catch (const GrammarError&) {
    }
  }
}

std::string Call(const std::string& input) {
  return "{\"name\": \"patch\", \"parameters\": {\"input\": " + nlohmann::json(input).dump() + "}}";
}

TEST_CASE("a custom tool's input is a JSON string that holds one of its texts") {
  const std::string text = "*** Begin Patch\n*** Add File: \"a\\b\".txt\n+\t\xc3\xa4\xf0\x9f\x98\x80\n*** End Patch";
  const Grammar patch = CompileToolCalls({{"patch", std::string(kPatch), true, Input::kLark}}, kLlamaCalls, false);
  CHECK(Whole(patch, Call(text)));
  CHECK_FALSE(Whole(patch, Call(text + "x")));
  CHECK(Run(patch, "{\"name\": \"patch\", \"parameters\": {\"input\": \"no") == Match::kNo);
  const Grammar regex = CompileToolCalls({{"patch", "a\"+\\n\\x01?", true, Input::kRegex}}, kLlamaCalls, false);
  CHECK(Whole(regex, Call("a\"\"\n")));
  CHECK(Whole(regex, Call("a\"\n\x01")));
  CHECK_FALSE(Whole(regex, Call("a\n")));
  const Grammar any = CompileToolCalls({{"patch", "", true, Input::kText}, {"f", ""}}, kLlamaCalls, true);
  CHECK(Whole(any, Call("") + "; " + Call(text) + "; {\"name\": \"f\", \"parameters\": {}}"));
}

TEST_CASE("a grammar that cannot be followed costs its own tool the form of its input, and nothing else") {
  const std::string schema = R"({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})";
  const std::vector<ToolGrammarSpec> tools = {
      {"patch", "start: a\na: b \"x\" | \"y\"\nb: a \"z\"", false, Input::kLark}, {"f", schema}};
  Compilation compilation;
  const Grammar grammar = CompileToolCalls(tools, kLlamaCalls, false, compilation);
  REQUIRE(compilation.losses().size() == 1);
  CHECK(compilation.losses()[0].path.starts_with("tool 'patch' "));
  CHECK(Whole(grammar, Call("anything \n")));
  CHECK(Whole(grammar, "{\"name\": \"f\", \"parameters\": {\"n\": 1}}"));
  CHECK_FALSE(Whole(grammar, "{\"name\": \"f\", \"parameters\": {}}"));
  CHECK_THROWS_AS(CompileToolCalls({{"patch", "start: oops", false, Input::kLark}}, kLlamaCalls, false),
                  GrammarMistake);
}

}  // namespace
}  // namespace puna::engine
