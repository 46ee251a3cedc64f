#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/grammar/automata/grammar_error.h"
#include "engine/grammar/schema/json_nodes.h"
#include "tests/engine/grammar/compile_support.h"
#include "tests/engine/grammar/grammar_runner.h"

namespace puna::engine {
namespace {

bool Whole(const Grammar& grammar, std::string_view text) { return Run(grammar, text) == Match::kWhole; }

std::string RefusedKeyword(const std::string& schema) {
  try {
    CompileJsonSchema(schema);
  } catch (const GrammarError& e) {
    return e.keyword();
  }
  return "";
}

TEST_CASE("regular expressions match as ECMA-262 says") {
  struct Case {
    const char *pattern, *yes, *no;
  };
  const Case cases[] = {
      {"abc", "abc", "abcd"},
      {"^abc$", "abc", "xabc"},
      {"a|bc", "bc", "abc"},
      {"(?:ab)+?", "abab", "aba"},
      {"a{2,3}", "aaa", "aaaa"},
      {"a{2}", "aa", "a"},
      {"a{2,}", "aaaaa", "a"},
      {"\\d\\D", "1x", "12"},
      {"\\w+", "a_Z9", "\xc3\xa4"},
      {"[^\\s]", "x", "\xc2\xa0"},
      {"[\\w.-]+", "a.b-c", "a b"},
      {".", "\xf0\x9f\x98\x80", "\n"},
      {"[\\u00e4-\\u{1F600}]", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x81"},
      {"\\ud83d\\ude00", "\xf0\x9f\x98\x80", "x"},
      {"(^a|b)c", "ac", "aac"},
      {"\\x41\\cJ\\t", "A\n\t", "A"},
      {"(a*)*b", "aab", "aa"},
      {"(|a){3}", "aaa", "aaaa"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.pattern);
    const Grammar grammar = CompileRegex(c.pattern);
    CHECK(Whole(grammar, c.yes));
    CHECK_FALSE(Whole(grammar, c.no));
  }
}

TEST_CASE("conditions in regular expressions hold") {
  struct Case {
    const char* pattern;
    std::vector<std::string> yes, no;
  };
  const Case cases[] = {
      {"(?=a)[ab]b", {"ab"}, {"bb"}},
      {"(?!.*\\.\\.)[a.]+", {"a.a", "."}, {"a..a", ".."}},
      {"(?=.*\\d)(?=.*[a-z]).{4,8}", {"abc1", "1234567a"}, {"abcd", "a1", "123456789a"}},
      {"((?!foo).)*", {"fobar", ""}, {"xfoox", "foo"}},
      {"a(?=b$)b", {"ab"}, {"a"}},
      {"a(?!$).*", {"ab"}, {"a"}},
      {"\\w*(?<=a)b", {"ab", "xab"}, {"b", "xb"}},
      {"\\w*(?<!a)b", {"b", "xb"}, {"ab"}},
      {".*\\bcat\\b.*", {"cat", "a cat."}, {"concat", "cats"}},
      {"a\\Bb\\b", {"ab"}, {"a"}},
      {"(^a|b$)c?", {"a", "ac", "b"}, {"bc", "c"}},
      {"(?i)stra\u00dfe", {"STRA\u00dfE", "stra\u1e9ee"}, {"strasse"}},
      {"(?i:ab)c", {"aBc", "ABc"}, {"ABC"}},
      {"(?i)[^a]", {"b"}, {"a", "A"}},
      {"(?s).", {"\n"}, {"ab"}},
      {"(?<year>\\d{4})-(?P<month>\\d\\d)", {"2024-01"}, {"24-01"}},
      {"\\p{Lu}\\p{L}*", {"\u00c4b"}, {"\u00e4b", "A1"}},
      {"\\p{Script=Greek}+\\P{L}", {"\u03b1\u03b2!"}, {"a!", "\u03b1a"}},
      {"\\A{x}\\Z", {"{x}"}, {"x"}},
      {"[\\w-.]+", {"a-b."}, {"a b"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.pattern);
    const Grammar grammar = CompileRegex(c.pattern);
    for (const std::string& text : c.yes) CHECK_MESSAGE(Whole(grammar, text), text);
    for (const std::string& text : c.no) CHECK_MESSAGE(!Whole(grammar, text), text);
  }
}

TEST_CASE("regular expressions that cannot be enforced are refused") {
  for (const char* pattern :
       {"(a)\\1", "(?P<a>b)(?P=a)", "(?>a)", "(?x: a)", "\\p{Klingon}", "a**", "(", ")", "[a", "a{3,2}", "*", "a\\",
        "(?<=a(?=b))", "[z-a]", "^*", "((a{999}){999}){9}", "a{999999}", "a++"}) {
    CAPTURE(pattern);
    CHECK_THROWS_AS(CompileRegex(pattern), GrammarError);
  }
}

TEST_CASE("only valid UTF-8 is text") {
  const Grammar any = CompileRegex("[^x]*");
  CHECK(Whole(any, "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"));
  for (const char* bad : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xff", "\xe0\x80\x80"})
    CHECK(Run(any, bad) == Match::kNo);
}

TEST_CASE("choices") {
  const Grammar grammar = CompileChoice({"yes", "no", "yesterday", "n\xc3\xb6"});
  for (const char* text : {"yes", "no", "yesterday", "n\xc3\xb6"}) CHECK(Whole(grammar, text));
  for (const char* text : {"", "y", "yesno", "n"}) CHECK_FALSE(Whole(grammar, text));
}

TEST_CASE("GBNF") {
  const Grammar sum = CompileGbnf(
      "# sums\nroot ::= term (op term)*\nop ::= \" \"? [+-] \" \"?\n"
      "term ::= num\n  | \"(\" root \")\"\nnum ::= [0-9]{1,3} (\".\" [0-9]+)?\n");
  for (const char* text : {"1", "1+2", "12 - (3+4.5)", "((7))"}) CHECK(Whole(sum, text));
  for (const char* text : {"", "1+", "(1", "1234", "1.", "a"}) CHECK_FALSE(Whole(sum, text));
  for (const char* bad : {"", "root ::= a", "a ::= \"x\"", "root ::= root \"x\" | \"y\"", "root ::= \"x", "root ::= (",
                          "root ::= \"a\"\nroot ::= \"b\"", "root = \"a\"", "root ::= root", "root ::= [",
                          "root ::= \"a\"{5,2}", "root ::= a? root \"x\" | \"b\"\na ::= \"a\""}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(CompileGbnf(bad), GrammarError);
  }
}

TEST_CASE("any JSON object") {
  const Grammar grammar = CompileJsonObject();
  CHECK(Whole(grammar, R"({})"));
  CHECK(Whole(grammar, R"({"a": [1, -2.5e+10, "x\n\u00e4\ud83d\ude00", null, true, {"b": {}}]})"));
  for (const char* bad : {"[]", "1", R"({"a":1})", R"({"a": 01})", R"({"a": "\ud83d"})", R"({"a": "\udc00"})",
                          "{\"a\": \"\n\"}", "{ }", R"({"a": 1,})"})
    CHECK_FALSE(Whole(grammar, bad));
  CHECK(Whole(grammar, "{\"a\": " + std::string(31, '[') + std::string(31, ']') + "}"));
  CHECK_FALSE(Whole(grammar, "{\"a\": " + std::string(40, '[') + std::string(40, ']') + "}"));
}

TEST_CASE("a list of no properties allows none") {
  CHECK(Whole(CompileJsonSchema(R"({"type": "object", "properties": {}})"), "{}"));
  CHECK_FALSE(Whole(CompileJsonSchema(R"({"type": "object", "properties": {}})"), R"({"a": 1})"));
  CHECK(Whole(CompileJsonSchema(R"({"type": "object"})"), R"({"a": 1})"));
  CHECK(Whole(CompileJsonSchema(R"({"properties": {}, "additionalProperties": true})"), R"({"a": 1})"));
}

TEST_CASE("what cannot be enforced is refused by its name") {
  struct Case {
    const char *schema, *keyword;
  };
  const Case cases[] = {
      {R"({"not": {"multipleOf": 3}})", "not"},
      {R"({"if": {"uniqueItems": true}, "then": {"maxItems": 3}})", "if"},
      {R"({"type": "array", "uniqueItems": true})", "uniqueItems"},
      {R"({"type": "array", "contains": {"type": "null"}, "minContains": 100})", "contains"},
      {R"({"divisibleBy": 2})", "divisibleBy"},
      {R"({"type": "string", "format": "regex"})", "format"},
      {R"x({"type": "string", "pattern": "(a)\\1"})x", "pattern"},
      {R"({"type": "number", "multipleOf": 0.3})", "multipleOf"},
      {R"({"$ref": "https://example.org/schema"})", "$ref"},
      {R"({"$ref": "#/$defs/none"})", "$ref"},
      {R"({"oneOf": [{"multipleOf": 3}, {"multipleOf": 5}]})", "oneOf"},
      {R"({"type": "strin"})", "type"},
      {R"({"type": "string", "minLength": -1})", "minLength"},
      {R"({"properties": 1})", "properties"},
      {R"({"properties": {"a": 1}})", "properties"},
      {R"({"enum": "a"})", "enum"},
      {R"({"const": 123456789012345678901234567890})", "const"},
      {R"({"enum": [1, {"a": [-92233720368547758091]}]})", "enum"},
      {R"({"$ref": "#"})", "schema"},
      {R"({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]})", "schema"},
      {R"({"type": "string", "minLength": 3, "maxLength": 2})", "schema"},
      {R"({"type": "integer", "minimum": 5, "maximum": 4})", "schema"},
      {R"({"allOf": [{"type": "string"}, {"type": "null"}]})", "schema"},
      {"false", "schema"},
      {"[]", "schema"},
      {"{", "schema"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.schema);
    CHECK(RefusedKeyword(c.schema) == c.keyword);
  }
  try {
    CompileJsonSchema(R"({"type": "object", "properties": {"a/b": {"type": "array", "items": {"format": "x"}}}})");
    FAIL("accepted");
  } catch (const GrammarError& e) {
    CHECK(e.path() == "#/properties/a~1b/items");
  }
}

// Each of these keywords falls beside others that hold, and is told with its place.
TEST_CASE("where a schema is not strict, only the keyword that cannot be enforced falls") {
  struct Case {
    const char *rules, *keyword;
  };
  const Case cases[] = {
      {R"x("pattern": "(a)\\1")x", "pattern"},
      {R"("format": "phone-number")", "format"},
      {R"("not": {"multipleOf": 7})", "not"},
      {R"("minLength": "3")", "minLength"},
      {R"("divisibleBy": 2)", "divisibleBy"},
      {R"("$ref": "https://example.org/other.json")", "$ref"},
      {R"("multipleOf": 0.3)", "multipleOf"},
      {R"("uniqueItems": 1)", "uniqueItems"},
      {R"("required": true)", "required"},
      {R"("oneOf": [{"multipleOf": 3}, {"multipleOf": 5}])", "oneOf"},
      {R"("if": {"uniqueItems": true}, "then": {"maxLength": 3})", "if"},
      {R"("exclusiveMaximum": "yes")", "exclusiveMaximum"},
  };
  for (const Case& c : cases) {
    const std::string schema =
        std::string(R"({"type": "object", "properties": {"x": {)") + c.rules +
        R"(, "maxLength": 9}, "kind": {"enum": ["a", "b"]}}, "required": ["x", "kind"], "additionalProperties": false})";
    CAPTURE(schema);
    std::vector<Compilation::Loss> losses;
    const Grammar grammar = CompileLeniently(schema, losses);
    REQUIRE(losses.size() == 1);
    CHECK(losses[0].keyword == c.keyword);
    CHECK(losses[0].path == "#/properties/x");
    CHECK(Whole(grammar, R"({"x": "text", "kind": "b"})"));
    CHECK_FALSE(Whole(grammar, R"({"x": "a text that is too long", "kind": "b"})"));
    CHECK_FALSE(Whole(grammar, R"({"x": "text"})"));
    CHECK_FALSE(Whole(grammar, R"({"x": "text", "kind": "c"})"));
    CHECK_FALSE(Whole(grammar, R"({"x": "text", "kind": "a", "y": 1})"));
  }
}

TEST_CASE("what is wrong, or more than a compilation may take, is refused however lenient") {
  std::vector<Compilation::Loss> losses;
  CHECK_THROWS_AS(CompileLeniently(R"({"type": "strin"})", losses), GrammarMistake);
  CHECK_THROWS_AS(CompileLeniently(R"({"$ref": "#/nowhere"})", losses), GrammarMistake);
  CHECK_THROWS_AS(CompileLeniently("{", losses), GrammarMistake);
  Compilation late(Compilation::Mode::kStrict, Compilation::Clock::now() - std::chrono::seconds(1));
  CHECK_THROWS_AS(CompileAnswer({AnswerSpec::Kind::kJsonSchema, R"({"type": "string"})"}, late), CompilationLimit);
}

// By work, which is the same on every machine; a quadratic compiler would need a hundred times as much.
TEST_CASE("PHP's empty array of properties is an object without any") {
  std::vector<Compilation::Loss> losses;
  const Grammar grammar = CompileLeniently(R"({"type": "object", "properties": []})", losses);
  REQUIRE(losses.size() == 1);
  CHECK(losses[0].keyword == "properties");
  CHECK(losses[0].path == "#");
  CHECK(Whole(grammar, "{}"));
  CHECK_FALSE(Whole(grammar, R"({"a": 1})"));
}

TEST_CASE("the work of an enum grows with its size") {
  const auto work = [](int count, bool strings) {
    Json values = Json::array();
    for (int i = 0; i < count; ++i) values.push_back(strings ? Json("value " + std::to_string(i)) : Json(i));
    Compilation compilation;
    CompileAnswer({AnswerSpec::Kind::kJsonSchema, Json{{"enum", values}}.dump()}, compilation);
    return compilation.work();
  };
  for (const bool strings : {true, false}) {
    const int64_t small = work(2'500, strings), large = work(40'000, strings);
    CHECK(large < 32 * small);  // 16 times as many; squared they would be 256
    CHECK(large < Compilation::kMaxWork);
  }
}

TEST_CASE("work grows with the schema") {
  const auto work = [](int count) {
    Json values = Json::array();
    for (int i = 0; i < count; ++i) {
      values.push_back(i);
      values.push_back("v" + std::to_string(i));
    }
    Compilation compilation;
    CompileAnswer({AnswerSpec::Kind::kJsonSchema, Json({{"enum", values}}).dump()}, compilation);
    return compilation.work();
  };
  CHECK(work(20'000) < 15 * work(2'000));
}

TEST_CASE("a format that contradicts the pattern beside it is an annotation") {
  const std::string schema = R"({"type": "string", "format": "time", "pattern": "^(?:[01]\\d|2[0-3]):[0-5]\\d$"})";
  Compilation compilation;
  const Grammar grammar = CompileAnswer({AnswerSpec::Kind::kJsonSchema, schema}, compilation);
  CHECK(Whole(grammar, "\"12:30\""));
  CHECK_FALSE(Whole(grammar, "\"12:30:00Z\""));
  REQUIRE(compilation.losses().size() == 1);
  CHECK(compilation.losses()[0].keyword == "format");
}

TEST_CASE("hostile schemas end quickly") {
  std::string deep = "{}", wide = R"({"type":"object","properties":{)", bomb = R"({"type":"string"})";
  for (int i = 0; i < 5000; ++i) deep = R"({"items":)" + deep + "}";
  CHECK(RefusedKeyword(deep) == "schema");
  for (int i = 0; i < 1500; ++i)
    wide += (i ? "," : "") + std::string("\"p") + std::to_string(i) + R"(":{"type":"string"})";
  CompileJsonSchema(wide + "}}");
  std::string defs = R"("d0":{"type":"string"})";
  for (int i = 1; i < 60; ++i) {
    const std::string ref = R"({"$ref":"#/$defs/d)" + std::to_string(i - 1) + "\"}";
    defs += ",\"d" + std::to_string(i) + R"(":{"anyOf":[)" + ref + "," + ref + "]}";
  }
  CHECK_FALSE(RefusedKeyword(R"({"$ref":"#/$defs/d59","$defs":{)" + defs + "}}").empty());
  CHECK(RefusedKeyword(R"({"type":"string","pattern":"^(a|b|ab)*(aa|b){50}c.*d{30}$","maxLength":4000})") != "");
  CHECK(RefusedKeyword(R"({"type":"string","pattern":"(a{1000}){1000}"})") == "pattern");
  CHECK(
      RefusedKeyword(
          R"({"type":"array","minItems":2000000000,"maxItems":4000000000,"items":{"type":"string","maxLength":1000000000}})") ==
      "");
  CHECK(RefusedKeyword(R"({"type":"string","pattern":"(.*a){12}.{20}b","minLength":1})") == "pattern");
}

TEST_CASE("tool calls") {
  const std::vector<ToolGrammarSpec> tools{
      {"add", R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a","b"]})"},
      {"stop", ""}};
  const Grammar one = CompileToolCalls(tools, kLlamaCalls, false);
  const std::string add = R"({"name": "add", "parameters": {"a": 1, "b": 2}})",
                    stop = R"({"name": "stop", "parameters": {}})";
  CHECK(Whole(one, add));
  CHECK(Whole(one, stop));
  CHECK_FALSE(Whole(one, add + "; " + stop));
  CHECK(Run(one, R"({"name": "sub)") == Match::kNo);
  CHECK(Run(one, R"({"name": "add", "parameters": {"b)") == Match::kNo);
  CHECK(Whole(CompileToolCalls(tools, kLlamaCalls, true), add + "; " + stop));
  CHECK(Whole(CompileToolCalls(tools, kHermesCalls, false),
              "<tool_call>\n{\"name\": \"stop\", \"arguments\": {}}\n</tool_call>"));
  CHECK(Whole(CompileToolCalls(tools, kFunctionTagCalls, true),
              "<function=stop>{}</function><function=stop>{}</function>"));
  CHECK_THROWS_WITH_AS(CompileToolCalls({{"f", R"({"divisibleBy":2})"}}, kLlamaCalls, false),
                       doctest::Contains("tool 'f'"), GrammarError);
  const Grammar nullable = CompileToolCalls({{"f", R"({"type":["object","null"]})"}}, kLlamaCalls, false);
  CHECK_FALSE(Whole(nullable, R"({"name": "f", "parameters": null})"));
}

TEST_CASE("a schema that nothing satisfies is refused with the place that leaves nothing") {
  const auto place = [](const char* schema) -> std::string {
    try {
      CompileJsonSchema(schema);
    } catch (const GrammarError& e) {
      CHECK(e.message() == "nothing can satisfy it");
      return e.path();
    }
    return "compiled";
  };
  const char* id =
      R"({"type":"object","properties":{"a":{"type":"string"},"id":{"type":"string","format":"uuid","maxLength":5}},
    "required":["id"]})";
  CHECK(place(id) == "#/properties/id");
  CHECK(
      place(
          R"({"type":"object","properties":{"l":{"type":"array","minItems":1,"items":{"type":"string","pattern":"^a$","minLength":3}}},
    "required":["l"]})") == "#/properties/l/items");
  CHECK(place(R"({"type":"object","properties":{"id":{"type":"string","format":"uuid","maxLength":5}}})") ==
        "compiled");
  CHECK(place(R"({"allOf":[{"type":"string"},{"type":"integer"}]})").starts_with("#"));
  const std::string tool = R"({"type":"object","properties":{"id":{"enum":[1],"type":"string"}},"required":["id"]})";
  CHECK_THROWS_WITH_AS(CompileToolCalls({{"f", tool}}, kLlamaCalls, false),
                       "schema at tool 'f' #/properties/id: nothing can satisfy it", GrammarError);
}

TEST_CASE("an answer in a form, or calls") {
  const std::vector<ToolGrammarSpec> tools{{"stop", ""}};
  const AnswerSpec schema{
      AnswerSpec::Kind::kJsonSchema, R"({"type":"object","properties":{"name":{"const":"x"}}})", {}};
  const Grammar either = CompileAnswerOrCalls(schema, tools, kLlamaCalls, true);
  const std::string call = R"({"name": "stop", "parameters": {}})";
  CHECK(Whole(either, call));
  CHECK(Whole(either, call + "; " + call));
  CHECK(Whole(either, R"({"name": "x"})"));
  CHECK(Run(either, R"({"name": "y)") == Match::kNo);
  CHECK_FALSE(Whole(either, R"({"name": "x"}; )" + call));
  const AnswerSpec choice{AnswerSpec::Kind::kChoice, "", {"yes", "no"}};
  CHECK(Whole(CompileAnswerOrCalls(choice, tools, kHermesCalls, false), "yes"));
  const AnswerSpec wrong{AnswerSpec::Kind::kRegex, "(", {}};
  CHECK_THROWS_AS(CompileAnswerOrCalls(wrong, tools, kLlamaCalls, true), GrammarError);
}

TEST_CASE("arguments are objects") {
  for (const char* good :
       {"", "{}", "true", R"({"type":"object"})", R"({"type":["null","object"]})", R"({"$ref":"#/a"})"})
    CHECK(DescribesObject(good));
  for (const char* bad : {R"({"type":"string"})", R"({"type":["array","null"]})", R"({"type":5})"})
    CHECK_FALSE(DescribesObject(bad));
}

}  // namespace
}  // namespace puna::engine
