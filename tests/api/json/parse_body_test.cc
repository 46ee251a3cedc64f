// The reader of bodies beside nlohmann's parser: what both take is the same value, and what one refuses the other refuses, too. And
// where each value stands.
#include <doctest/doctest.h>

#include <new>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "api/json/request_body.h"
#include "tests/support/failing_allocations.h"

using namespace puna::api;

namespace {

const std::vector<std::string> kBodies = {
    R"({"model": "m", "messages": [{"role": "user", "content": "a\"b\\c\/\b\f\n\r\t\u00e9\ud83d\ude00 é"}], "n": 1})",
    R"( {"a" : [ ] , "b":{ },"c":[[],{}, [{"d":null}]] , "e" : [true,false,null] } )",
    R"({"numbers": [0, -0, 7, -12, 9223372036854775807, 9223372036854775808, 18446744073709551615, 18446744073709551616,)"
    R"( -9223372036854775808, -9223372036854775809, 0.5, -1.25e-3, 1E+9, 1.7e308, 1e-400, 4.9e-324, 0.1]})",
    "{\"long\": \"" + std::string(100, 'x') + "\\n" + std::string(9, 'y') + "\x7f\", \"\": 1, \"\\u0000\": \"\"}",
};

bool NamesAKeyTwice(const std::string& body) {
  try {
    ParseBody(body);
  } catch (const ApiError& error) {
    return error.message().find("stands twice") != std::string::npos;
  }
  return false;
}

// One to three bytes changed, taken away or put in; those that mean something come often.
std::string Changed(std::string body, std::mt19937& rng) {
  static const std::string kBytes = "{}[]\",:\\u0123e.-+tfn \n\x01\x7f\xc3\xa9\xed\xf0";
  for (unsigned edits = 1 + rng() % 3; edits > 0; --edits) {
    const size_t at = rng() % body.size();
    const char byte = kBytes[rng() % kBytes.size()];
    switch (rng() % 3) {
      case 0:
        body[at] = byte;
        break;
      case 1:
        body.insert(at, 1, byte);
        break;
      default:
        body.erase(at, 1);
    }
  }
  return body;
}

void CheckPlaces(const Json& value, const Places& places) {
  const std::string_view text = places.TextOf(value);
  CHECK(Json::parse(text) == value);
  CHECK(text.find_first_of(" \t\r\n") != 0);
  CHECK(text.find_last_of(" \t\r\n") != text.size() - 1);
  if (!value.is_structured()) return;
  for (const auto& [key, inner] : value.items()) {
    CheckPlaces(inner, places);
    if (value.is_object()) CHECK(places.TextOf(value, key) == places.TextOf(inner));
  }
}

TEST_CASE("where memory ends, at whatever point, the body is given up, and its values take none to go") {
  const std::string body =
      R"({"a": [1, [2, {"b": [3, "a text that is longer than fits in place"]}], {}], "c": {"d": {"e": [[], [[4]]]}},)"
      R"( "f": [[[[5, 6, 7], 8], 9], "g"], "h": {"i": 1, "j": [null, true]}})";
  for (uint64_t skip = 0;; ++skip) {
    bool failed = false;
    try {
      const puna::testing::FailingAllocations faults(
          {.skip = skip, .count = 1'000'000, .of = puna::testing::AllocationFaults::Of::kOwnThread});
      Places places(body);
      ParseBody(body, places);
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    if (failed) continue;
    CHECK(skip > 20);
    return;
  }
}

TEST_CASE("bodies are read as nlohmann reads them") {
  std::mt19937 rng(1);
  int taken = 0, refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::string& whole = kBodies[static_cast<size_t>(round) % kBodies.size()];
    const std::string body = round < static_cast<int>(kBodies.size()) ? whole : Changed(whole, rng);
    const Json expected = Json::parse(body, nullptr, /*allow_exceptions=*/false);
    CAPTURE(body);
    if (expected.is_object() && !NamesAKeyTwice(body)) {
      const Json found = ParseBody(body);
      REQUIRE(found == expected);
      REQUIRE(found.dump() == expected.dump());  // the kinds of numbers, and the order of keys
      ++taken;
    } else {
      REQUIRE_THROWS_AS(ParseBody(body), ApiError);
      ++refused;
    }
  }
  CHECK(taken > 1000);
  CHECK(refused > 1000);
}

TEST_CASE("an error says where and what") {
  const auto message = [](const std::string& body) {
    try {
      ParseBody(body);
    } catch (const ApiError& error) {
      return error.message();
    }
    return std::string();
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"a\": 1 \"b\"}", "at byte 9: expected a comma or '}'"},
      {"{\"a\": [1 2]}", "at byte 10: expected a comma or ']'"},
      {"{\"a\": }", "at byte 7: expected a value"},
      {"{\"a\": ", "at byte 7: it ends where a value is expected"},
      {"{a: 1}", "at byte 2: expected a key in double quotes"},
      {"{\"a\" 1}", "at byte 6: expected a colon behind a key"},
      {"{\"a\": 1} x", "at byte 10: text behind the object"},
      {"{\"a\": -}", "at byte 7: a number that lacks digits"},
      {"{\"a\": 1e999}", "a number that is too large"},
      {"{\"a\": \"x\\q\"}", "at byte 9: a backslash that begins no escape"},
      {"{\"a\": \"\\u12g4\"}", "at byte 8: \\u without four hexadecimal digits"},
      {"{\"a\": \"\\ud800x\"}", "at byte 8: half of a surrogate pair"},
      {"{\"a\": \"x\ny\"}", "at byte 9: a control character in a string"},
      {"{\"a\": \"x", "at byte 9: a string without an end"},
      {"{\"a\": \"\xff\"}", "at byte 8: it is not UTF-8"},
  };
  for (const auto& [bytes, expected] : cases) {
    const std::string& body = bytes;  // clang 14 captures no structured binding
    CAPTURE(body);
    CHECK(message(body).find(expected) != std::string::npos);
  }
}

TEST_CASE("each value knows its text") {
  for (const std::string& text : kBodies) {
    const RequestBody body(text);
    CheckPlaces(body.json(), body.places());
  }
  const std::string text = R"({"a": [1.50 , {"b" :  2}], "s": "\u0041"})";
  const RequestBody body(text);
  const Json& json = body.json();
  CHECK(body.places().TextOf(json) == text);
  CHECK(body.places().TextOf(json["a"][0]) == "1.50");
  CHECK(body.places().TextOf(json["a"][1]) == R"({"b" :  2})");
  CHECK(body.places().TextOf(json, "s") == R"("\u0041")");
  CHECK(body.places().TextOf(json, "none").empty());
  const Json copy = json;
  CHECK_THROWS_AS(body.places().TextOf(copy), std::logic_error);
}

TEST_CASE("half a character keeps the places of what stands behind it") {
  const std::string text = R"({"a": "x\ud83d", "b": {"c":  1}})";
  const RequestBody body(text);
  CHECK(body.json()["a"] == "x\xef\xbf\xbd");
  CHECK(body.places().TextOf(body.json()["b"]) == R"({"c":  1})");
}

}  // namespace
