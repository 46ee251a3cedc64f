#include "engine/text/json_quote.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "engine/text/utf8.h"

namespace puna::text {
namespace {

using nlohmann::json;

TEST_CASE("every character is quoted as the library quotes it, in UTF-8 and in ASCII") {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    std::string text, quoted;
    AppendUtf8(c, text);
    AppendJsonString(text, quoted);
    REQUIRE(quoted == json(text).dump());
    std::string inner;
    AppendJsonChar(c, inner);
    REQUIRE("\"" + inner + "\"" == quoted);
    const std::string escape = JsonEscape(c, true);
    REQUIRE(json::parse("\"" + (escape.empty() ? text : escape) + "\"") == json(text));
    if (c > 0x7e) REQUIRE(!escape.empty());
  }
}

TEST_CASE("a text is quoted whole, and behind what is there") {
  std::string out = "[";
  AppendJsonString("say \"hi\"\n\x01\u00e9\\", out);
  CHECK(out == "[\"say \\\"hi\\\"\\n\\u0001\u00e9\\\\\"");
}

}  // namespace
}  // namespace puna::text
