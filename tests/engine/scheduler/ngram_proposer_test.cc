#include "engine/scheduler/ngram_proposer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace puna::engine {
namespace {

using Ids = std::vector<TokenId>;

Ids Propose(NgramProposer& proposer, const Ids& tokens, int max_tokens) {
  return proposer.Propose(tokens, {}, max_tokens).ids;
}

TEST_CASE("what followed the same ids before is proposed") {
  NgramProposer proposer(8, {});
  CHECK(Propose(proposer, Ids{1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3}, 10) == Ids{4, 5, 6, 7});
  CHECK(Propose(proposer, Ids{1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3}, 2) == Ids{4, 5});
}

TEST_CASE("two ids in common are not enough, nothing is proposed for nothing") {
  NgramProposer proposer(5, {});
  CHECK(Propose(proposer, Ids{1, 2, 3, 4, 5, 9, 2, 3}, 10).empty());
  NgramProposer one(1, {}), three(3, {});
  CHECK(Propose(one, Ids{1}, 10).empty());
  CHECK(Propose(three, Ids{1, 2, 3}, 10).empty());
}

TEST_CASE("the longest match wins, then the latest") {
  NgramProposer longest(9, {});
  CHECK(Propose(longest, Ids{9, 1, 2, 3, 50, 8, 1, 2, 3, 60, 9, 1, 2, 3}, 1) == Ids{50});
  NgramProposer latest(9, {});
  CHECK(Propose(latest, Ids{9, 1, 2, 3, 50, 8, 1, 2, 3, 60, 7, 1, 2, 3}, 1) == Ids{60});
}

TEST_CASE("a loop goes on") {
  NgramProposer proposer(2, {});
  CHECK(Propose(proposer, Ids{1, 2, 1, 2, 1, 2}, 10) == Ids{1, 2, 1, 2});
  CHECK(proposer.Propose(Ids{1, 2, 1, 2, 1, 2}, {}, 1).source == GuessSource::kLookup);
}

TEST_CASE("a prediction is proposed from its start, and found again after a deviation") {
  const Ids prediction = {10, 11, 12, 13, 14, 15, 16};
  NgramProposer proposer(2, prediction);
  CHECK(Propose(proposer, Ids{1, 2}, 3) == Ids{10, 11, 12});
  CHECK(proposer.Propose(Ids{1, 2}, {}, 3).source == GuessSource::kPrediction);
  CHECK(Propose(proposer, Ids{1, 2, 10, 11}, 3) == Ids{12, 13, 14});
  CHECK(Propose(proposer, Ids{1, 2, 10, 11, 99}, 3).empty());
  CHECK(Propose(proposer, Ids{1, 2, 10, 11, 99, 12, 13, 14}, 9) == Ids{15, 16});
}

TEST_CASE("what others guessed is looked up, too, and never entered") {
  NgramProposer proposer(8, {});
  const Ids tokens = {1, 2, 3, 4, 5, 6, 7, 8, 1};
  CHECK(proposer.Propose(tokens, Ids{2, 3}, 2).ids == Ids{4, 5});
  CHECK(proposer.Propose(tokens, Ids{4, 5, 6}, 2).ids == Ids{7, 8});
  CHECK(proposer.Propose(tokens, Ids{9, 9, 9}, 2).ids.empty());
  CHECK(proposer.Propose(tokens, Ids{9, 9, 9}, 2).ids.empty());
  const Ids prediction = {20, 21, 22, 23};
  NgramProposer predicted(1, prediction);
  CHECK(predicted.Propose(Ids{1, 20}, Ids{21}, 4).ids == Ids{22, 23});
}

TEST_CASE("earlier answers are looked up beside the text itself; the longest agreement wins, its own at equal length") {
  AnswerIndex answers(1000, false);
  const BlockHash tenant{1, 2};
  answers.Add(tenant, Ids{1, 2, 3, 4, 5, 70, 71, 72, 73});
  NgramProposer proposer(2, {}, {}, &answers, tenant);
  Guess guess = proposer.Propose(Ids{0, 0, 3, 4, 5}, {}, 2);
  CHECK(guess.ids == Ids{70, 71});
  CHECK(guess.source == GuessSource::kRemembered);
  CHECK(guess.agreement == 3);
  guess = proposer.Propose(Ids{0, 0, 3, 4, 5, 80, 3, 4, 5}, {}, 2);
  CHECK(guess.ids == Ids{80, 3});
  CHECK(guess.source == GuessSource::kLookup);
  guess = proposer.Propose(Ids{0, 0, 3, 4, 5, 80, 3, 4, 5, 2, 3, 4, 5}, {}, 2);
  CHECK(guess.ids == Ids{70, 71});
  GuessOptions own;
  own.sources = 1 << static_cast<int>(GuessSource::kLookup);
  CHECK(NgramProposer(2, {}, own, &answers, tenant).Propose(Ids{0, 0, 3, 4, 5}, {}, 2).ids.empty());
  CHECK(NgramProposer(2, {}, {}, &answers, BlockHash{1, 3}).Propose(Ids{0, 0, 3, 4, 5}, {}, 2).ids.empty());
}

TEST_CASE("success makes drafts longer, failure asks for longer matches") {
  Ids text;
  for (TokenId id = 0; id < 60; ++id) text.push_back(id);
  NgramProposer proposer(60, {});
  text.insert(text.end(), {20, 21, 22});
  CHECK(Propose(proposer, text, 100).size() == 4);
  proposer.Observe(4, 4);
  CHECK(Propose(proposer, text, 100).size() == 8);
  proposer.Observe(8, 8);
  CHECK(Propose(proposer, text, 100).size() == NgramProposer::kMaxDraft);
  proposer.Observe(NgramProposer::kMaxDraft, 5);
  CHECK(Propose(proposer, text, 100).size() == 6);
  proposer.Observe(6, 0);
  CHECK(Propose(proposer, text, 100).empty());  // three in common, four are asked for
  text.insert(text.end(), {23, 24, 25});
  CHECK(Propose(proposer, text, 100) == Ids{26, 27});
  proposer.Observe(2, 2);
  text.insert(text.end(), {40, 41, 42});
  CHECK(Propose(proposer, text, 100).size() == 4);
}

TEST_CASE("the index finds what a plain search finds, however the text grows") {
  std::mt19937 random(5);
  Ids text;
  NgramProposer proposer(1, {});
  for (int step = 0; step < 300; ++step) {
    for (uint32_t i = 0; i <= random() % 40; ++i) text.push_back(static_cast<TokenId>(random() % 12));
    const Ids draft = Propose(proposer, text, 1);
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
