#include "api/json/surrogates.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace puna::api {
namespace {

TEST_CASE("halves of characters become U+FFFD, wherever they stand") {
  const std::pair<const char*, const char*> kCases[] = {
      {R"("\ud83d")", R"("\ufffd")"},                          // the first half, at the end
      {R"("\ude00 x")", R"("\ufffd x")"},                      // the second half alone
      {R"("\ude00\ud83d")", R"("\ufffd\ufffd")"},              // in the wrong order
      {R"("\ud83d\ud83d\ude00")", R"("\ufffd\ud83d\ude00")"},  // a half before a whole
      {R"("\uD83D\n")", R"("\ufffd\n")"},                      // capital digits, another escape behind
      {R"("\ud83dabcd")", R"("\ufffdabcd")"},
      {R"({"\udc00": 1})", R"({"\ufffd": 1})"},  // in a key
  };
  for (const auto& each : kCases) {
    const std::string given = each.first;
    CAPTURE(given);
    CHECK(FindLoneSurrogate(given) != std::string_view::npos);
    CHECK(ReplaceLoneSurrogates(given) == each.second);
    CHECK(nlohmann::json::accept(ReplaceLoneSurrogates(given)));
  }
}

TEST_CASE("everything else stays as it is") {
  for (const char* text :
       {R"("\ud83d\ude00")", R"("\\ud83d")", R"("\\\\ud83d")", R"("\u00e9")", R"("\uffff\ue000\ud7ff")", R"("\ud83)",
        R"("\u")", R"("\)", R"("\ugggg")", R"("\u-123")", "", "{}"}) {
    CAPTURE(text);
    CHECK(FindLoneSurrogate(text) == std::string_view::npos);
    CHECK(ReplaceLoneSurrogates(text) == text);
  }
}

TEST_CASE("what JSON.stringify makes of any two units can be read") {
  for (const int first : {0x41, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000}) {
    for (const int second : {0x41, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000}) {
      char text[32];
      std::snprintf(text, sizeof text, "[\"\\u%04x\\u%04X\"]", first, second);
      CAPTURE(text);
      CHECK(nlohmann::json::accept(ReplaceLoneSurrogates(text)));
    }
  }
}

}  // namespace
}  // namespace puna::api
