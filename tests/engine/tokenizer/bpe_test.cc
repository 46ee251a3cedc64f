// Merging against the definition: look at all pairs, merge the best, begin again.
#include "engine/tokenizer/bpe.h"

#include <doctest/doctest.h>

#include <map>
#include <numeric>

#include "tests/engine/tokenizer/support.h"

namespace puna::engine {
namespace {

// A vocabulary of 256 bytes and random merges over a few letters, so that words merge deeply and in
// contested ways.
struct RandomBpe {
  MergeTable merges;
  std::vector<TokenId> byte_ids = std::vector<TokenId>(256);
  std::map<std::pair<TokenId, TokenId>, std::pair<uint32_t, TokenId>> plain;  // pair -> rank, result

  // `shared_ranks`: as in tokenizer.model, where every pair that makes a token has that token's
  // rank.
  RandomBpe(std::mt19937& random, int count, bool shared_ranks) {
    std::iota(byte_ids.begin(), byte_ids.end(), 0);
    std::map<std::string, TokenId> ids;
    std::vector<std::string> texts;
    for (char c = 'a'; c <= 'd'; ++c) {
      ids[std::string(1, c)] = static_cast<unsigned char>(c);
      texts.push_back(std::string(1, c));
    }
    TokenId next = 256;
    uint32_t rank = 0;
    for (int i = 0; i < count; ++i) {
      const std::string left = texts[random() % texts.size()];
      const std::string right = texts[random() % texts.size()];
      const auto [at, is_new] = ids.try_emplace(left + right, next);
      if (is_new) {
        texts.push_back(left + right);
        ++next;
      }
      const std::pair pair{ids[left], ids[right]};
      const uint32_t pair_rank = shared_ranks ? static_cast<uint32_t>(at->second) : rank;
      const bool added = merges.Add(pair.first, pair.second, pair_rank, at->second);
      CHECK(added == plain.try_emplace(pair, pair_rank, at->second).second);
      rank += added;
    }
  }

  std::vector<TokenId> ByDefinition(const std::string& word) const {
    std::vector<TokenId> ids;
    for (const char c : word) ids.push_back(static_cast<unsigned char>(c));
    while (true) {
      auto best = plain.end();
      size_t where = 0;
      for (size_t i = 0; i + 1 < ids.size(); ++i) {
        const auto at = plain.find({ids[i], ids[i + 1]});
        if (at != plain.end() && (best == plain.end() || at->second.first < best->second.first)) {
          best = at;
          where = i;
        }
      }
      if (best == plain.end()) return ids;
      ids[where] = best->second.second;
      ids.erase(ids.begin() + static_cast<ptrdiff_t>(where) + 1);
    }
  }
};

std::string RandomWord(std::mt19937& random, size_t length, uint32_t letters) {
  std::string word;
  for (size_t i = 0; i < length; ++i) word.push_back(static_cast<char>('a' + random() % letters));
  return word;
}

TEST_CASE("short and long words merge as the definition says") {
  std::mt19937 random(5);
  BpeScratch scratch;
  for (int round = 0; round < 60; ++round) {
    const RandomBpe bpe(random, 4 + round * 4, round % 2 == 0);
    for (size_t length = 1; length < 150; length += 1 + random() % 3) {
      for (const uint32_t letters : {1u, 2u, 5u}) {  // the fifth letter never merges
        const std::string word = RandomWord(random, length, letters);
        CAPTURE(word);
        std::vector<TokenId> ids = {-7};  // what is there stays
        MergeWord(bpe.merges, bpe.byte_ids.data(), word, &scratch, &ids);
        REQUIRE(ids.front() == -7);
        ids.erase(ids.begin());
        REQUIRE(ids == bpe.ByDefinition(word));
      }
    }
  }
}

TEST_CASE("very long words are finished soon") {  // a quadratic way would take hours here
  std::mt19937 random(6);
  const RandomBpe bpe(random, 200, false);
  BpeScratch scratch;
  const std::string word = RandomWord(random, 1 << 20, 4);
  std::vector<TokenId> ids;
  MergeWord(bpe.merges, bpe.byte_ids.data(), word, &scratch, &ids);
  CHECK(ids.size() < word.size());

  MergeTable doubling;
  for (uint32_t level = 0; level < 20; ++level) {
    const TokenId half = level == 0 ? 'a' : 255 + static_cast<TokenId>(level);
    REQUIRE(doubling.Add(half, half, level, 256 + static_cast<TokenId>(level)));
  }
  ids.clear();
  MergeWord(doubling, bpe.byte_ids.data(), std::string(1 << 20, 'a'), &scratch, &ids);
  CHECK(ids == std::vector<TokenId>{275});
}

TEST_CASE("merge table: every pair is found, others are not") {
  MergeTable table;
  constexpr TokenId kLast = (1 << 20) - 1;
  CHECK(table.Rank(kLast, kLast) == MergeTable::kNoMerge);
  for (uint32_t rank = 0; rank < 5000; ++rank) {
    REQUIRE(table.Add(static_cast<TokenId>(rank * 7 % 5003), kLast - static_cast<TokenId>(rank), rank, kLast));
  }
  CHECK_FALSE(table.Add(7, kLast - 1, 9999, 1));
  CHECK(table.size() == 5000);
  for (uint32_t rank = 0; rank < 5000; ++rank) {
    REQUIRE(table.Rank(static_cast<TokenId>(rank * 7 % 5003), kLast - static_cast<TokenId>(rank)) == rank);
    REQUIRE(table.Rank(kLast - static_cast<TokenId>(rank), static_cast<TokenId>(rank * 7 % 5003)) ==
            MergeTable::kNoMerge);
    REQUIRE(table.Result(rank) == kLast);
  }
}

}  // namespace
}  // namespace puna::engine
