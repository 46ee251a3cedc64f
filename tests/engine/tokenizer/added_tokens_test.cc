#include "engine/tokenizer/added_tokens.h"

#include <doctest/doctest.h>

#include "engine/tokenizer/vocabulary.h"
#include "tests/engine/tokenizer/support.h"

namespace puna::engine {
namespace {

TEST_CASE("the leftmost match wins, and of those the longest") {
  const AddedTokenMatcher matcher({{1, "<|a|>"}, {2, "<|a"}, {3, "<"}, {4, "xy"}, {5, "\u00e9!"}, {6, "xyz xyz"}});
  const auto check = [&](std::string_view text, size_t from, size_t begin, size_t length, TokenId id) {
    const auto match = matcher.FindIn(text, from);
    CHECK(match.length == length);
    if (length == 0) return;
    CHECK(match.begin == begin);
    CHECK(match.id == id);
  };
  check("..<|a|>", 0, 2, 5, 1);
  check("..<|a|", 0, 2, 3, 2);
  check("..<|", 0, 2, 1, 3);
  check("..<|a|>", 3, 0, 0, kNoToken);
  check("xyz xy<", 0, 0, 2, 4);
  check("xyz xyz", 0, 0, 7, 6);
  check("xyz xyz", 1, 4, 2, 4);
  check("\u00e9\u00e9!", 0, 2, 3, 5);
  check("", 0, 0, 0, kNoToken);
  check("nothing here", 0, 0, 0, kNoToken);
  CHECK(matcher.Id("xy") == 4);
  CHECK(matcher.Id("x") == std::nullopt);
  CHECK(AddedTokenMatcher().FindIn("<|a|>", 0).length == 0);
}

TEST_CASE("vocabulary: tokens are found by their bytes, added tokens are not") {
  std::mt19937 random(8);
  Vocabulary vocabulary;
  std::vector<std::string> tokens;
  for (TokenId id = 0; id < 4000; ++id) {
    std::string token(1 + id % 40, '\0');
    for (char& c : token) c = static_cast<char>(random());
    if (vocabulary.Find(token) != kNoToken) token += std::to_string(id) + "!";
    vocabulary.AddBase(2 * id, token);
    tokens.push_back(token);
  }
  vocabulary.AddText(9001, "<|added|>");
  CHECK(vocabulary.size() == 9002);
  for (TokenId id = 0; id < 4000; ++id) {
    REQUIRE(vocabulary.Find(tokens[id]) == 2 * id);
    REQUIRE(vocabulary.Bytes(2 * id) == tokens[id]);
    REQUIRE_FALSE(vocabulary.Has(2 * id + 1));
    REQUIRE(vocabulary.Find(tokens[id] + '\0' + tokens[id]) == kNoToken);
  }
  CHECK(vocabulary.Bytes(9001) == "<|added|>");
  CHECK(vocabulary.Find("<|added|>") == kNoToken);
  CHECK(vocabulary.Find("") == kNoToken);
  CHECK(vocabulary.Find(std::string(100000, 'x')) == kNoToken);
}

}  // namespace
}  // namespace puna::engine
