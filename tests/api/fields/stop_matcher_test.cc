#include "api/fields/stop_matcher.h"

#include <doctest/doctest.h>

#include <random>

using puna::api::StopMatcher;

namespace {

struct Result {
  std::string text;
  bool stopped;
};

Result Run(const std::string& text, std::vector<std::string> stops, size_t piece, bool include = false) {
  StopMatcher matcher(std::move(stops), include);
  Result result{{}, false};
  for (size_t i = 0; i < text.size() && !matcher.stopped(); i += piece) {
    result.text += matcher.Feed(text.substr(i, piece));
  }
  result.stopped = matcher.stopped();
  result.text += matcher.Finish();
  return result;
}

// What the rule says, byte by byte: the match that ends first, the longest of those that end there.
Result Plain(const std::string& text, const std::vector<std::string>& stops, bool include) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string& stop : stops) {
      if (stop.size() <= end && text.compare(end - stop.size(), stop.size(), stop) == 0) {
        longest = std::max(longest, stop.size());
      }
    }
    if (longest > 0) return {text.substr(0, include ? end : end - longest), true};
  }
  return {text, false};
}

}  // namespace

TEST_CASE("a stop string across pieces is never shown") {
  StopMatcher matcher({"</end>"});
  CHECK(matcher.Feed("Hello <") == "Hello ");
  CHECK(matcher.Feed("/e") == "");
  CHECK(matcher.Feed("x </en") == "</ex ");
  CHECK(matcher.Feed("d> more") == "");
  CHECK(matcher.stopped());
  CHECK(matcher.stop() == "</end>");
  CHECK(matcher.Feed("even more") == "");
  CHECK(matcher.Finish() == "");
}

TEST_CASE("what was held back comes at the end") {
  StopMatcher matcher({"abc", "bcd"});
  CHECK(matcher.Feed("xab") == "x");
  CHECK_FALSE(matcher.stopped());
  CHECK(matcher.Finish() == "ab");
}

TEST_CASE("without stop strings everything passes at once") {
  StopMatcher matcher({});
  CHECK(matcher.Feed("abc") == "abc");
  CHECK(matcher.Finish() == "");
}

TEST_CASE("the stop string is shown when asked for") {
  CHECK(Run("one END two", {"END"}, 2, true).text == "one END");
  CHECK(Run("one END two", {"END"}, 2, false).text == "one ");
}

TEST_CASE("the match that ends first wins, the longest of several that end there") {
  CHECK(Run("xabcd", {"abcd", "bc"}, 1).text == "xa");
  CHECK(Run("xabcd", {"cd", "abcd"}, 1).text == "x");
  CHECK(Run("xabcd", {"abcd", "cd"}, 5).text == "x");
}

TEST_CASE("random texts over two letters agree with the rule, however they are cut") {
  std::mt19937 random(5);
  const auto word = [&](int longest) {
    std::string text;
    for (int i = random() % longest; i >= 0; --i) text += "ab"[random() % 2];
    return text;
  };
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> stops;
    for (int i = random() % 16; i >= 0; --i) stops.push_back(word(8));
    const std::string text = word(30);
    const bool include = random() % 2;
    const Result expected = Plain(text, stops, include);
    for (const size_t piece : {1, 2, 3, 7, 100}) {
      const Result got = Run(text, stops, piece, include);
      CHECK(got.text == expected.text);
      CHECK(got.stopped == expected.stopped);
    }
  }
}

TEST_CASE("characters of several bytes are never cut") {
  StopMatcher matcher({"\xe2\x82\xac!"});
  CHECK(matcher.Feed("5\xe2\x82\xac") == "5");
  CHECK(matcher.Feed(" 6\xe2\x82\xac?") == "\xe2\x82\xac 6\xe2\x82\xac?");
}
