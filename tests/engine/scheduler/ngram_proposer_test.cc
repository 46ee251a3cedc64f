#include "engine/scheduler/ngram_proposer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace puna::engine {
namespace {

using Ids = std::vector<TokenId>;

TEST_CASE("what followed the same ids before is proposed") {
  NgramProposer proposer(8, {});
  CHECK(proposer.Propose(Ids{1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3}, 10) == Ids{4, 5, 6, 7});
  CHECK(proposer.Propose(Ids{1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3}, 2) == Ids{4, 5});
}

TEST_CASE("two ids in common are not enough, nothing is proposed for nothing") {
  NgramProposer proposer(5, {});
  CHECK(proposer.Propose(Ids{1, 2, 3, 4, 5, 9, 2, 3}, 10).empty());
  CHECK(NgramProposer(1, {}).Propose(Ids{1}, 10).empty());
  CHECK(NgramProposer(3, {}).Propose(Ids{1, 2, 3}, 10).empty());
}

TEST_CASE("the longest match wins, then the latest") {
  NgramProposer longest(9, {});
  CHECK(longest.Propose(Ids{9, 1, 2, 3, 50, 8, 1, 2, 3, 60, 9, 1, 2, 3}, 1) == Ids{50});
  NgramProposer latest(9, {});
  CHECK(latest.Propose(Ids{9, 1, 2, 3, 50, 8, 1, 2, 3, 60, 7, 1, 2, 3}, 1) == Ids{60});
}

TEST_CASE("a loop goes on") {
  NgramProposer proposer(2, {});
  CHECK(proposer.Propose(Ids{1, 2, 1, 2, 1, 2}, 10) == Ids{1, 2, 1, 2});
  CHECK_FALSE(proposer.FromPrediction());
}

TEST_CASE("a prediction is proposed from its start, and found again after a deviation") {
  const Ids prediction = {10, 11, 12, 13, 14, 15, 16};
  NgramProposer proposer(2, prediction);
  CHECK(proposer.Propose(Ids{1, 2}, 3) == Ids{10, 11, 12});
  CHECK(proposer.FromPrediction());
  CHECK(proposer.Propose(Ids{1, 2, 10, 11}, 3) == Ids{12, 13, 14});
  CHECK(proposer.Propose(Ids{1, 2, 10, 11, 99}, 3).empty());
  CHECK(proposer.Propose(Ids{1, 2, 10, 11, 99, 12, 13, 14}, 9) == Ids{15, 16});
  CHECK(proposer.FromPrediction());
}

TEST_CASE("success makes drafts longer, failure asks for longer matches") {
  Ids text;
  for (TokenId id = 0; id < 60; ++id) text.push_back(id);
  NgramProposer proposer(60, {});
  text.insert(text.end(), {20, 21, 22});
  CHECK(proposer.Propose(text, 100).size() == 4);
  proposer.Observe(4, 4);
  CHECK(proposer.Propose(text, 100).size() == 8);
  proposer.Observe(8, 8);
  CHECK(proposer.Propose(text, 100).size() == NgramProposer::kMaxDraft);
  proposer.Observe(NgramProposer::kMaxDraft, 5);
  CHECK(proposer.Propose(text, 100).size() == 6);
  proposer.Observe(6, 0);
  CHECK(proposer.Propose(text, 100).empty());  // three in common, four are asked for
  text.insert(text.end(), {23, 24, 25});
  CHECK(proposer.Propose(text, 100) == Ids{26, 27});
  proposer.Observe(2, 2);
  text.insert(text.end(), {40, 41, 42});
  CHECK(proposer.Propose(text, 100).size() == 4);
}

TEST_CASE("the index finds what a plain search finds, however the text grows") {
  std::mt19937 random(5);
  Ids text;
  NgramProposer proposer(1, {});
  for (int step = 0; step < 300; ++step) {
    for (uint32_t i = 0; i <= random() % 40; ++i) text.push_back(static_cast<TokenId>(random() % 12));
    const Ids draft = proposer.Propose(text, 1);
    size_t best_length = 0;
    Ids best_next;
    for (size_t end = text.size() - 1; end >= 3; --end) {  // latest first: a match of text[0, end)
      size_t length = 0;
      while (length < end && length < NgramProposer::kMaxMatch &&
             text[end - 1 - length] == text[text.size() - 1 - length])
        ++length;
      if (length > best_length) {
        best_length = length;
        best_next = {text[end]};
      }
    }
    if (best_length < 3) {
      CHECK(draft.empty());
    } else {
      CHECK(draft.size() == 1);  // of the sixteen latest places only: it may be another
      CHECK(std::search(text.begin(), text.end(), text.end() - 3, text.end()) != text.end() - 3);
    }
    if (best_length >= 3 && step < 20) CHECK(draft == best_next);
  }
}

}  // namespace
}  // namespace puna::engine
