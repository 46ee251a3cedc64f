#include "api/tool_calls/tool_call_parser.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

using namespace puna::api;
using nlohmann::json;

namespace {

struct Streamed {
  std::string content;
  std::vector<ToolCall> calls;
  std::vector<ToolCallDelta> deltas;
};

void Take(OutputDelta delta, Streamed& out) {
  out.content += delta.content;
  for (ToolCallDelta& piece : delta.calls) {
    out.deltas.push_back(piece);
    if (!piece.id.empty()) {
      REQUIRE(static_cast<size_t>(piece.index) == out.calls.size());
      CHECK_FALSE(piece.name.empty());
      out.calls.push_back({piece.id, piece.name, piece.arguments});
    } else {
      REQUIRE(static_cast<size_t>(piece.index) + 1 == out.calls.size());
      CHECK(piece.name.empty());
      out.calls.back().arguments += piece.arguments;
    }
  }
}

Streamed StreamPieces(const std::vector<std::string>& pieces, ToolCallParser::Options options) {
  IdGenerator ids(1);
  ToolCallParser parser(options, ids);
  Streamed out;
  for (const std::string& piece : pieces) Take(parser.Feed(piece), out);
  Take(parser.Finish(), out);
  CHECK(parser.has_calls() == !out.calls.empty());
  return out;
}

std::string Trimmed(std::string text) {
  static constexpr const char* kSpace = " \t\r\n\f\v";
  text.erase(0, text.find_first_not_of(kSpace));
  text.erase(text.find_last_not_of(kSpace) + 1);
  return text;
}

std::vector<json> Cases() {
  std::ifstream file(PUNA_SOURCE_DIR "/tests/api/data/tool_calls.jsonl");
  std::vector<json> cases;
  for (std::string line; std::getline(file, line);) cases.push_back(json::parse(line));
  REQUIRE(cases.size() == 148);
  return cases;
}

ToolCallParser::Options OptionsFor(const json& c, bool constrained = false) {
  return {c["format"] == "hermes" ? ToolFormat::kHermes : ToolFormat::kLlama, constrained, true};
}

// Numbers by value: 1e3 and 1000 are the same.
void CheckResult(const json& c, const Streamed& got) {
  CAPTURE(c["name"].get<std::string>());
  REQUIRE(got.calls.size() == c["calls"].size());
  for (size_t i = 0; i < got.calls.size(); ++i) {
    CHECK(got.calls[i].name == c["calls"][i]["name"].get<std::string>());
    CHECK(json::parse(got.calls[i].arguments) == c["calls"][i]["arguments"]);
  }
  const std::string expected = c["content"].is_null() ? "" : c["content"].get<std::string>();
  CHECK(Trimmed(got.content) == Trimmed(expected));
  if (got.calls.empty()) CHECK(got.content == c["text"].get<std::string>());
}

std::vector<std::string> CutEvery(const std::string& text, size_t length) {
  std::vector<std::string> pieces;
  for (size_t i = 0; i < text.size(); i += length) pieces.push_back(text.substr(i, length));
  return pieces;
}

}  // namespace

TEST_CASE("the goldens, whole") {
  for (const json& c : Cases()) CheckResult(c, StreamPieces({c["text"]}, OptionsFor(c)));
}

TEST_CASE("the goldens, cut in two at every byte") {
  for (const json& c : Cases()) {
    const std::string text = c["text"];
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      CheckResult(c, StreamPieces({text.substr(0, cut), text.substr(cut)}, OptionsFor(c)));
    }
  }
}

TEST_CASE("the goldens, byte by byte and in random pieces") {
  std::mt19937 random(7);
  for (const json& c : Cases()) {
    const std::string text = c["text"];
    for (size_t length = 1; length <= 7; ++length) {
      CheckResult(c, StreamPieces(CutEvery(text, length), OptionsFor(c)));
    }
    for (int round = 0; round < 20; ++round) {
      std::vector<std::string> pieces;
      for (size_t i = 0; i < text.size();) {
        const size_t length = random() % 12;
        pieces.push_back(text.substr(i, length));
        i += length;
      }
      CheckResult(c, StreamPieces(pieces, OptionsFor(c)));
    }
  }
}

TEST_CASE("ids are unique and have OpenAI's form") {
  IdGenerator ids(3);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = ids.Next("call_");
    CHECK(id.substr(0, 5) == "call_");
    CHECK(id.size() == 29);
    seen.insert(id);
  }
  CHECK(seen.size() == 1000);
  IdGenerator again(3), other(4), random;
  const std::string first = again.Next("call_");
  CHECK(seen.contains(first));
  CHECK_FALSE(seen.contains(other.Next("call_")));
  CHECK_FALSE(seen.contains(random.Next("call_")));
}

TEST_CASE("plain text flows as soon as it cannot be a call") {
  IdGenerator ids(1);
  const auto fed = [&](std::vector<std::string> pieces, ToolFormat format) {
    ToolCallParser parser({format, false, true}, ids);
    std::string content;
    for (const std::string& piece : pieces) content += parser.Feed(piece).content;
    return content;
  };
  const ToolFormat llama = ToolFormat::kLlama, hermes = ToolFormat::kHermes;
  CHECK(fed({"The", " weather"}, llama) == "The weather");
  CHECK(fed({"The"}, llama) == "");  // could be the name of The.call(query=...)
  CHECK(fed({"The."}, llama) == "");
  CHECK(fed({"The.x"}, llama) == "The.x");
  CHECK(fed({"[1, 2"}, llama) == "[1, 2");
  CHECK(fed({"[the docs"}, llama) == "[the docs");
  CHECK(fed({"[f(a=b)"}, llama) == "[f(a=b)");
  CHECK(fed({"[f(a='b')] is"}, llama) == "[f(a='b')] is");
  CHECK(fed({"{\"a\": x"}, llama) == "{\"a\": x");
  CHECK(fed({"{\"a\": 1} or"}, llama) == "{\"a\": 1} or");
  CHECK(fed({"Hi. a < b and <func"}, llama) == "Hi. a < b and");
  CHECK(fed({"Hi. a < b and <func", "y"}, llama) == "Hi. a < b and <funcy");
  CHECK(fed({"Hi <function=f>not JSON <function=g>{}"}, llama) == "Hi <function=f>not JSON <function=g>{}");
  CHECK(fed({"Hi <|python", "_tag"}, llama) == "Hi");
  CHECK(fed({"Hi <|python", " tag"}, llama) == "Hi <|python tag");
  CHECK(fed({"Hi <tool_c"}, hermes) == "Hi");
  CHECK(fed({"Hi <tool_call> is the tag"}, hermes) == "Hi <tool_call> is the tag");
  CHECK(fed({"Hi <tool_call> is the tag", "  "}, hermes) == "Hi <tool_call> is the tag  ");
  CHECK(fed({"{\"name\": \"f\", \"arguments\": {}}"}, hermes) == "{\"name\": \"f\", \"arguments\": {}}");
  CHECK(fed({"caf\xc3"}, hermes) == "caf");  // never half a character
}

TEST_CASE("white space before a call is not content, before text it is") {
  const ToolCallParser::Options options{ToolFormat::kLlama, false, true};
  CHECK(StreamPieces({"Look: ", " \n", "<function=f>{}"}, options).content == "Look:");
  CHECK(StreamPieces({" \n", "{\"name\": \"f\", \"parameters\": {}}"}, options).content.empty());
  CHECK(StreamPieces({"Look: ", " \n", " there \n"}, options).content == "Look:  \n there \n");
  CHECK(StreamPieces({"Look: \xc2", "\xa0", "<function=f>{}"}, options).content == "Look:");
}

TEST_CASE("with a constrained call, arguments stream as they come") {
  IdGenerator ids(1);
  ToolCallParser parser({ToolFormat::kLlama, true, true}, ids);
  Streamed out;
  Take(parser.Feed("{\"name\": \"get_wea"), out);
  CHECK(out.calls.empty());
  Take(parser.Feed("ther\", \"parameters\": "), out);
  CHECK(out.calls.empty());
  Take(parser.Feed("{\"ci"), out);
  REQUIRE(out.calls.size() == 1);
  CHECK(out.calls[0].name == "get_weather");
  CHECK(out.calls[0].arguments == "{\"ci");
  Take(parser.Feed("ty\": \"Pa\\\"}"), out);
  CHECK(out.calls[0].arguments == "{\"city\": \"Pa\\\"}");
  Take(parser.Feed("\"}}; {\"name\": \"now\", \"parameters\": {}}"), out);
  REQUIRE(out.calls.size() == 2);
  CHECK(out.calls[0].arguments == "{\"city\": \"Pa\\\"}\"}");
  CHECK(out.calls[1].name == "now");
  CHECK(out.calls[1].arguments == "{}");
  CHECK(out.calls[0].id != out.calls[1].id);
  Take(parser.Finish(), out);
  CHECK(out.content.empty());
  CHECK(out.calls.size() == 2);
}

TEST_CASE("a constrained call that is cut gives what there is") {
  const ToolCallParser::Options llama{ToolFormat::kLlama, true, true}, hermes{ToolFormat::kHermes, true, true};
  Streamed out = StreamPieces({"<|python_tag|>{\"name\": \"f\", \"parameters\": {\"a\": [1, 2"}, llama);
  REQUIRE(out.calls.size() == 1);
  CHECK(out.calls[0].arguments == "{\"a\": [1, 2");
  CHECK(out.content.empty());
  out = StreamPieces({"Well.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"x"}, hermes);
  REQUIRE(out.calls.size() == 1);
  CHECK(out.calls[0].arguments == "{\"a\": \"x");
  CHECK(out.content == "Well.");
  out = StreamPieces({"{\"name\": \"f\", \"para"}, llama);
  CHECK(out.calls.empty());
  CHECK(out.content.empty());
}

TEST_CASE("constrained, arguments before the name wait for it") {
  const Streamed out =
      StreamPieces({"{\"parameters\": {\"a\": 1}, ", "\"name\": \"f\"}"}, {ToolFormat::kLlama, true, true});
  REQUIRE(out.calls.size() == 1);
  CHECK(out.calls[0].name == "f");
  CHECK(out.calls[0].arguments == "{\"a\": 1}");
}

TEST_CASE("constrained gives the goldens' calls too, the same however the text is cut") {
  for (const json& c : Cases()) {
    const std::string text = c["text"];
    const Streamed whole = StreamPieces({text}, OptionsFor(c, true));
    if (!c["calls"].empty()) CheckResult(c, whole);
    for (size_t length = 1; length <= 5; ++length) {
      const Streamed cut = StreamPieces(CutEvery(text, length), OptionsFor(c, true));
      CHECK(cut.content == whole.content);
      REQUIRE(cut.calls.size() == whole.calls.size());
      for (size_t i = 0; i < cut.calls.size(); ++i) {
        CHECK(cut.calls[i].name == whole.calls[i].name);
        CHECK(cut.calls[i].arguments == whole.calls[i].arguments);
      }
    }
  }
}

TEST_CASE("parallel off keeps the first call only") {
  for (const bool constrained : {false, true}) {
    const Streamed out =
        StreamPieces({"{\"name\": \"a\", \"parameters\": {}}; {\"name\": \"b\", \"parameters\": {\"x\": 1}}"},
                     {ToolFormat::kLlama, constrained, false});
    REQUIRE(out.calls.size() == 1);
    CHECK(out.calls[0].name == "a");
    CHECK(out.calls[0].arguments == "{}");
  }
}

TEST_CASE("Python's own rules for literals") {
  const auto arguments = [](const std::string& text) {
    const Streamed out = StreamPieces({text}, {ToolFormat::kLlama, false, true});
    if (out.calls.empty()) CHECK(out.content == text);
    return out.calls.empty() ? std::string("plain") : out.calls[0].arguments;
  };
  CHECK(arguments("[f(a=0x1F, b=0o17, c=0b101, d=1_000)]") == R"({"a":31,"b":15,"c":5,"d":1000})");
  CHECK(arguments("[f(a=007)]") == "plain");
  CHECK(arguments("[f(a=00)]") == R"({"a":0})");
  CHECK(arguments("[f(a=1__0)]") == "plain");
  CHECK(arguments("[f(a=1_)]") == "plain");
  CHECK(arguments("[f(a=1.)]") == R"({"a":1.0})");
  CHECK(arguments("[f(a=.5, b=-.5e1)]") == R"({"a":0.5,"b":-5.0})");
  CHECK(arguments("[f(a=.)]") == "plain");
  CHECK(arguments("[f(a=1e999)]") == "plain");
  CHECK(arguments("[f(a=1j)]") == "plain");
  CHECK(arguments("[f(a=123456789012345678901234567890)]") == R"({"a":123456789012345678901234567890})");
  CHECK(arguments("[f(a='x' \"y\" r'\\n')]") == R"({"a":"xy\\n"})");
  CHECK(arguments("[f(a=b'x')]") == "plain");
  CHECK(arguments("[f(a='x' b'y')]") == "plain");
  CHECK(arguments("[f(a=u'\\x41\\101\\q\\\n!')]") == R"({"a":"AA\\q!"})");
  CHECK(arguments("[f(a='\\ud83d\\ude00')]") == "{\"a\":\"\xf0\x9f\x98\x80\"}");
  CHECK(arguments("[f(a='\\ud83d')]") == "plain");
  CHECK(arguments("[f(a='\\N{BULLET}')]") == "plain");
  CHECK(arguments("[f(a=(1), b=(), c=(1,), d=((1, 2), 3))]") == R"({"a":1,"b":[],"c":[1],"d":[[1,2],3]})");
  CHECK(arguments("[f(a={True: 1, None: 2, 1.5: 3, 'k': 4, 'k': 5})]") == R"({"a":{"true":1,"null":2,"1.5":3,"k":5}})");
  CHECK(arguments("[f(a={1, 2})]") == "plain");
  CHECK(arguments("[f(a={[1]: 2})]") == "plain");
  CHECK(arguments("[f(a=1, # one\n b=2) # both\n]") == R"({"a":1,"b":2})");
  CHECK(arguments("[f(class=1)]") == "plain");
  CHECK(arguments("[import(a=1)]") == "plain");
  CHECK(arguments("[f(,)]") == "plain");
  CHECK(arguments("[f(a=1,,)]") == "plain");
  CHECK(arguments("[,f()]") == "plain");
  CHECK(arguments("[f() g()]") == "plain");
  CHECK(arguments("[f(a=1)][0]") == "plain");
  CHECK(arguments("[f(gr\xc3\xb6\xc3\x9f"
                  "e=1)]") ==
        "{\"gr\xc3\xb6\xc3\x9f"
        "e\":1}");
  CHECK(arguments("[f(a='x\ny')]") == "plain");
  CHECK(arguments("[f(a='''x\r\ny''')]") == R"({"a":"x\ny"})");
}

TEST_CASE("nesting is bounded") {
  const ToolCallParser::Options options{ToolFormat::kLlama, false, true};
  const auto nested = [](int depth, const std::string& before, const std::string& after) {
    return before + std::string(depth, '[') + std::string(depth, ']') + after;
  };
  const std::string json_before = "{\"name\": \"f\", \"parameters\": {\"a\": ", json_after = "}}";
  CHECK(StreamPieces({nested(100, json_before, json_after)}, options).calls.size() == 1);
  CHECK(StreamPieces({nested(100'000, json_before, json_after)}, options).calls.empty());
  CHECK(StreamPieces({nested(90, "[f(a=", ")]")}, options).calls.size() == 1);
  CHECK(StreamPieces({nested(100'000, "[f(a=", ")]")}, options).calls.empty());
  CHECK(StreamPieces({nested(100'000, "<function=f>{\"a\": ", "}")}, options).calls.empty());
}

// Each text would take minutes byte by byte if any part of it were looked at again and again.
TEST_CASE("time is linear in the text") {
  const size_t kSize = 400'000;
  const std::vector<std::string> texts = {"{\"name\": \"f\", \"parameters\": {\"a\": \"" + std::string(kSize, 'x'),
                                          "[f(a='" + std::string(kSize, 'x'),
                                          "x.call(query=\"" + std::string(kSize, 'x'),
                                          "<function=" + std::string(kSize, 'x'),
                                          "<function=f>{\"a\": \"" + std::string(kSize, 'x'),
                                          "text" + std::string(kSize, '\n'),
                                          std::string(kSize, ' '),
                                          std::string(kSize, '<'),
                                          std::string(kSize, 'w'),
                                          "<tool_call>{\"name\": \"" + std::string(kSize, 'x'),
                                          "<|python_tag|>code" + std::string(kSize, ';')};
  for (const std::string& text : texts) {
    for (const ToolFormat format : {ToolFormat::kLlama, ToolFormat::kHermes}) {
      for (const bool constrained : {false, true}) {
        const Streamed out = StreamPieces(CutEvery(text, 1), {format, constrained, true});
        // Only the first, the tagged and the Hermes text are calls, cut ones, and only to who has been promised that.
        const bool same = out.content == text;
        CHECK((same || (constrained && (out.calls.size() == 1 || out.content.empty()))));
      }
    }
  }
}

// Texts made of the formats' own pieces: whatever comes, cut or not, the result is the same and
// nothing is lost.
TEST_CASE("random mixtures give the same however they are cut") {
  const std::vector<std::string> parts = {"<|python_tag|>",
                                          "<function=f>",
                                          "</function>",
                                          "{\"name\": \"f\", \"parameters\": {}}",
                                          "{}",
                                          "[f(a=1)]",
                                          "<tool_call>",
                                          "</tool_call>",
                                          "{\"name\": \"g\", \"arguments\": {\"x\": \"<\"}}",
                                          ";",
                                          " ",
                                          "\n",
                                          "text",
                                          "<",
                                          "{\"a\"",
                                          "[",
                                          "now.call(query=\"q\")",
                                          "'",
                                          "\"",
                                          "\xc2\xa0",
                                          "\xc5",  // of a character that never ends
                                          "f(",
                                          ")",
                                          "]",
                                          "}"};
  std::mt19937 random(11);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (int i = random() % 6; i >= 0; --i) text += parts[random() % parts.size()];
    CAPTURE(text);
    for (const ToolFormat format : {ToolFormat::kLlama, ToolFormat::kHermes}) {
      const ToolCallParser::Options options{format, false, true};
      const Streamed whole = StreamPieces({text}, options);
      if (whole.calls.empty()) CHECK(whole.content == text);
      for (const size_t length : {1, 2, 5}) {
        const Streamed cut = StreamPieces(CutEvery(text, length), options);
        CHECK(cut.content == whole.content);
        REQUIRE(cut.calls.size() == whole.calls.size());
        for (size_t i = 0; i < cut.calls.size(); ++i) CHECK(cut.calls[i].arguments == whole.calls[i].arguments);
      }
    }
  }
}

TEST_CASE("the format follows from the template") {
  CHECK(DetectToolFormat("{{ tools }} <tool_call>\n{...}</tool_call>") == ToolFormat::kHermes);
  CHECK(DetectToolFormat("{{ tools | tojson }}") == ToolFormat::kLlama);
  CHECK(DetectToolFormat("") == ToolFormat::kLlama);
}
