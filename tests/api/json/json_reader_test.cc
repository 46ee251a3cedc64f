#include "api/json/json_reader.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "api/json/error.h"
#include "api/json/raw_json.h"
#include "engine/text/json_quote.h"

using namespace puna::api;

namespace {

std::string ErrorOf(const std::string& body) {
  try {
    ParseBody(body);
  } catch (const ApiError& error) {
    CHECK(error.status() == 400);
    CHECK(error.code() == "invalid_json");
    return error.message();
  }
  return "accepted";
}

template <typename F>
ApiError Thrown(F f) {
  try {
    f();
  } catch (const ApiError& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return Internal("");
}

bool Contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("what is not strict JSON is refused") {
  CHECK(ErrorOf("{}") == "accepted");
  CHECK(ErrorOf(" {\"a\": [1, 2.5, \"\\u00e9\", null, true]} \n") == "accepted");
  for (const std::string body : {"",
                                 "   ",
                                 "[]",
                                 "\"text\"",
                                 "null",
                                 "{\"a\": 1}x",
                                 "{\"a\": 1} {}",
                                 "{\"a\": NaN}",
                                 "{\"a\": Infinity}",
                                 "{\"a\": -Infinity}",
                                 "{\"a\": 01}",
                                 "{\"a\": 1e999}",
                                 "{'a': 1}",
                                 "{\"a\": 1,}",
                                 "{\"a\": [1,]}",
                                 "{\"a\": \"\x01\"}",
                                 "{\"a\": \"\\ud800\"}",
                                 "{\"a\": \"\\x\"}",
                                 "{a: 1}",
                                 "{\"a\": tru}",
                                 "{\"a\": \"",
                                 "{\"a\": \"\xff\"}",
                                 "{\"a\": \"\xc3\"}",
                                 "{\"a\": \"\xed\xa0\x80\"}",
                                 "{\"a\": \"\xc0\x80\"}",
                                 "{\"a\": // no\n 1}"}) {
    CAPTURE(body);
    CHECK(ErrorOf(body) != "accepted");
  }
}

TEST_CASE("a key twice in one object is refused, in two objects not") {
  CHECK(Contains(ErrorOf("{\"a\": 1, \"a\": 2}"), "'a'"));
  CHECK(Contains(ErrorOf("{\"x\": {\"b\": 1, \"\\u0062\": 2}}"), "'b'"));
  CHECK(ErrorOf("{\"a\": {\"a\": {\"a\": 1}}, \"b\": {\"a\": 1}}") == "accepted");
  std::string many = "{";
  for (int i = 0; i < 100'000; ++i) many += "\"k" + std::to_string(i) + "\": 1, ";
  CHECK(ErrorOf(many + "\"z\": 1}") == "accepted");
  CHECK(Contains(ErrorOf(many + "\"k77777\": 1}"), "'k77777'"));
}

TEST_CASE("depth and number of values are bounded") {
  const auto nested = [](int depth) { return "{\"a\": " + std::string(depth, '[') + std::string(depth, ']') + "}"; };
  CHECK(ErrorOf(nested(127)) == "accepted");
  CHECK(Contains(ErrorOf(nested(128)), "128 levels"));
  CHECK(Contains(ErrorOf(nested(100'000)), "128 levels"));
  CHECK(Contains(ErrorOf("{\"a\": " + std::string(3'000'000, '[')), "128 levels"));
  std::string wide = "{\"a\": [0";
  for (int i = 0; i < 2'000'001; ++i) wide += ",0";
  CHECK(Contains(ErrorOf(wide + "]}"), "values"));
  std::string keys = "{\"a\": 0";
  for (int i = 0; i < 200'001; ++i) keys += ", \"k" + std::to_string(i) + "\": 0";
  CHECK(Contains(ErrorOf(keys + "}"), "keys"));
}

TEST_CASE("an error message stays short") { CHECK(ErrorOf("{\"a\": \"" + std::string(1'000'000, 'x')).size() < 1000); }

TEST_CASE("typed members") {
  const Json body = ParseBody(
      R"({"t": true, "i": 16, "f": 16.0, "d": 0.5, "s": "text", "n": null, "big": 9223372036854775808, "o": {}})");
  ObjectReader reader(body, "");
  CHECK(reader.Optional<bool>("t") == true);
  CHECK(reader.Optional<int>("i") == 16);
  CHECK(reader.Optional<int>("f") == 16);
  CHECK(reader.Optional<double>("d") == 0.5);
  CHECK(reader.Optional<double>("i", 0.0, 20.0) == 16.0);
  CHECK(reader.Required<std::string>("s") == "text");
  CHECK_FALSE(reader.Optional<int>("n").has_value());
  CHECK_FALSE(reader.Optional<int>("absent").has_value());
  CHECK(reader.Get<int>("absent", 7) == 7);
  CHECK(reader.Unread() == std::vector<std::string>{"big", "o"});

  ApiError error = Thrown([&] { reader.Optional<int>("s"); });
  CHECK(error.param() == "s");
  CHECK(error.code() == "invalid_type");
  CHECK(Contains(error.message(), "expected an integer, but got a string"));
  CHECK(Thrown([&] { reader.Optional<int>("d"); }).code() == "invalid_type");
  CHECK(Thrown([&] { reader.Optional<int64_t>("big"); }).code() == "integer_above_max_value");
  CHECK(Thrown([&] { reader.Optional<bool>("i"); }).code() == "invalid_type");
  error = Thrown([&] { reader.Optional<double>("i", 0.0, 2.0); });
  CHECK(error.code() == "decimal_above_max_value");
  CHECK(Contains(error.message(), "<= 2.0, but got 16.0"));
  CHECK(Thrown([&] { reader.Optional<int>("i", 17, 20); }).code() == "integer_below_min_value");
  CHECK(Thrown([&] { reader.Required<int>("n"); }).code() == "missing_required_parameter");
}

TEST_CASE("an object of any size names what was not asked for, in its own order") {
  for (const int count : {1, 31, 32, 33, 100}) {
    CAPTURE(count);
    Json body = Json::object();
    for (int i = 0; i < count; ++i) body["m" + std::to_string((i * 37) % 101)] = i;
    body["none"] = nullptr;
    ObjectReader reader(body, "at");
    CHECK(reader.Find("absent") == nullptr);
    CHECK(reader.Find("none") == nullptr);
    std::vector<std::string> unread;
    for (const auto& [name, value] : body.items()) {
      if (value.is_null()) continue;
      if (value.get<int>() % 3 == 0) {
        REQUIRE(reader.Find(name) != nullptr);
        CHECK(*reader.Find(name) == value);
      } else {
        unread.push_back("at." + name);
      }
    }
    CHECK(reader.Unread() == unread);
  }
}

TEST_CASE("paths name the member") {
  const Json body = ParseBody(R"({"messages": [{"content": 5}], "x": 1})");
  ObjectReader reader(body, "");
  const Json& messages = reader.Require("messages");
  ObjectReader message(ReadArray(messages, "messages")[0], IndexPath("messages", 0));
  CHECK(Thrown([&] { message.Required<std::string>("content"); }).param() == "messages[0].content");
  CHECK(Thrown([&] { ObjectReader(body["x"], "x"); }).param() == "x");
  CHECK(Thrown([&] { ReadArray(body["x"], "x"); }).code() == "invalid_type");
}

TEST_CASE("raw parts are exactly what was written") {
  const std::string text =
      R"( {"a" : 12345678901234567890123 , "b\u0063":{"y":1.50, "x":[1 , {"z":"}]\""}]},"t": [ {"n":1} ,2,"x,y"],"e":[]} )";
  CHECK(RawMember(text, "a") == "12345678901234567890123");
  CHECK(RawMember(text, "bc") == R"({"y":1.50, "x":[1 , {"z":"}]\""}]})");
  CHECK(RawMember(RawMember(text, "bc"), "x") == R"([1 , {"z":"}]\""}])");
  CHECK(RawMember(text, "none").empty());
  CHECK(RawElements(RawMember(text, "t")) == std::vector<std::string_view>{"{\"n\":1}", "2", "\"x,y\""});
  CHECK(RawElements(RawMember(text, "e")).empty());
}

TEST_CASE("a JSON object and nothing else") {
  for (const char* good : {"{}", " {\"a\": [1, -0.5e+3, true, \"\\u00e9\\n\"]}\n", "{\"a\":{\"b\":null}}"}) {
    CHECK(IsJsonObject(good));
  }
  for (const char* bad : {"",
                          "[]",
                          "1",
                          "{",
                          "{}}",
                          "{} x",
                          "{\"a\"}",
                          "{\"a\":}",
                          "{\"a\":1,}",
                          "{a:1}",
                          "{\"a\":01}",
                          "{\"a\":1.}",
                          "{\"a\":-}",
                          "{\"a\":+1}",
                          "{\"a\":.5}",
                          "{\"a\":1e}",
                          "{\"a\":\"\\x\"}",
                          "{\"a\":\"\\u12g4\"}",
                          "{\"a\":\"\n\"}",
                          "{\"a\":nul}",
                          "{\"a\":NaN}",
                          "{\"a\":[1,]}",
                          "{,}"}) {
    CAPTURE(bad);
    CHECK_FALSE(IsJsonObject(bad));
  }
}

TEST_CASE("strings are written as JSON") {
  std::string out;
  puna::text::AppendJsonString("a\"\\\n\t\x01\xc3\xa9", out);
  CHECK(out == "\"a\\\"\\\\\\n\\t\\u0001\xc3\xa9\"");
}
