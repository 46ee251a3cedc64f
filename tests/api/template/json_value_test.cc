#include <doctest/doctest.h>

#include "tests/api/template/render_case.h"

namespace puna::api {
namespace {

std::string RoundTrip(const std::string& json) {
  jinja::TrackedText text(nullptr);
  jinja::AppendJson(text, jinja::ParseJson(json), {});
  return text.bytes();
}

std::string Refusal(const std::string& json) {
  try {
    jinja::ParseJson(json);
  } catch (const TemplateError& error) {
    return error.message();
  }
  return "";
}

TEST_CASE("numbers are written as Python writes them after reading") {
  CHECK(RoundTrip("[1, -0, 0, 1.0, -0.0, 1e-7, 1E22, 1.10, 1e5, 0.1, 100000000000000000000.0, 1e16, 123456789.125]") ==
        "[1, 0, 0, 1.0, -0.0, 1e-07, 1e+22, 1.1, 100000.0, 0.1, 1e+20, 1e+16, 123456789.125]");
  CHECK(RoundTrip("[5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 0.3, 9007199254740993.0]") ==
        "[5e-324, 1.7976931348623157e+308, 2.2250738585072014e-308, 0.3, 9007199254740992.0]");
}

TEST_CASE("integers keep all their digits") {
  const std::string integers =
      "[9223372036854775807, -9223372036854775808, 9223372036854775808, -9223372036854775809, "
      "18446744073709551615, 18446744073709551616, 123456789012345678901234567890]";
  CHECK(RoundTrip(integers) == integers);
  CHECK(RenderText("{{ x }}{{ x | string }}", "{\"x\": 123456789012345678901234567890}") ==
        "123456789012345678901234567890123456789012345678901234567890");
  CHECK(Refusal(std::string(5000, '9')) != "");
}

TEST_CASE("keys keep their order; the last of two values stays at the first one's place") {
  CHECK(RoundTrip(R"({"z": 1, "a": 2, "m": 3, "z": 4})") == R"({"z": 4, "a": 2, "m": 3})");
  std::string large = "{", expected = "{";
  for (int i = 99; i >= 0; --i) {
    large += "\"k" + std::to_string(i) + "\": 0, ";
    expected += "\"k" + std::to_string(i) + "\": " + (i == 50 ? "7" : "0") + (i > 0 ? ", " : "}");
  }
  CHECK(RoundTrip(large + "\"k50\": 7}") == expected);
  CHECK(RenderText("{{ x.k50 }}{{ x.k51 }}{{ x.nope is defined }}{{ 'k3' in x }}",
                   "{\"x\": " + large + "\"k50\": 7}}") == "70FalseTrue");
}

TEST_CASE("text is kept, escapes are read") {
  CHECK(jinja::ParseJson(R"("\ud83d\ude00\u00e9\u0000\n")").bytes() == std::string("😀é\0\n", 8));
  CHECK(RoundTrip("\"\\u0000\\u001f\\u007f\\u2028\\b\\f\\/\\\"\"") == "\"\\u0000\\u001f\x7f\u2028\\b\\f/\\\"\"");
  CHECK(RoundTrip("[true, false, null, [], {}]") == "[true, false, null, [], {}]");
}

TEST_CASE("what is no JSON is refused with its place") {
  CHECK(Refusal("").find("the JSON text is not valid JSON at byte ") == 0);
  CHECK(Refusal("{\"a\" 1}").find("not valid JSON at byte ") != std::string::npos);
  CHECK(Refusal("[1] x") != "");
  CHECK(Refusal("\"\xff\"") != "");
  CHECK(Refusal("\"\\ud800\"") != "");
  CHECK(Refusal("1e999").find("a number is out of range") != std::string::npos);
  CHECK(Refusal("NaN") != "");
}

TEST_CASE("a parsed document gives the same values") {
  const std::string json = R"({"z": [1, -2, 1.0, 18446744073709551615], "a": {"x": null, "y": true}, "t": "é"})";
  jinja::TrackedText text(nullptr);
  jinja::AppendJson(text, jinja::FromJson(nlohmann::ordered_json::parse(json)), {});
  CHECK(text.bytes() == json);
  CHECK_THROWS_AS(jinja::FromJson(nlohmann::ordered_json(std::string("\xff"))), TemplateError);
}

}  // namespace
}  // namespace puna::api
