// Which block goes where, with exact ids: pools of ten blocks.
#include "engine/kv_cache/block_pool.h"

#include <doctest/doctest.h>

#include <memory>
#include <numeric>
#include <random>
#include <vector>

namespace puna::engine {
namespace {

using Ids = std::vector<TokenId>;
using Blocks = std::vector<BlockId>;

Ids Range(TokenId first, int count) {
  Ids ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

Ids operator+(Ids a, const Ids& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// A sequence as the scheduler keeps it, written at once.
struct Writer {
  BlockPool& pool;
  Ids ids;
  std::vector<BlockHash> hashes;
  Blocks blocks;
  PrefixMatch match;

  Writer(BlockPool& p, Ids text) : pool(p), ids(std::move(text)) {
    for (size_t i = 0; (i + 1) * kBlockSize <= ids.size(); ++i) {
      hashes.push_back(HashBlock(i ? hashes[i - 1] : kRootHash, Chunk(i), pool.hash_key()));
    }
    match = pool.FindPrefix(ids, hashes, static_cast<int>(ids.size()) - 1);
    pool.Hold(match);
    blocks = match.blocks;
    while (blocks.size() * kBlockSize < ids.size()) blocks.push_back(pool.Allocate());
    if (match.partial != kNoBlock) pool.Release(std::span(&match.partial, 1), false);  // as if copied
    for (size_t i = match.blocks.size(); i < hashes.size(); ++i)
      blocks[i] = pool.Publish(blocks[i], Parent(i), hashes[i], Chunk(i));
  }
  std::span<const TokenId> Chunk(size_t i) const {
    return std::span(ids).subspan(i * kBlockSize, std::min<size_t>(kBlockSize, ids.size() - i * kBlockSize));
  }
  BlockHash Parent(size_t i) const { return i ? hashes[i - 1] : kRootHash; }
  void End() {
    if (hashes.size() < blocks.size()) pool.PublishPartial(blocks.back(), Parent(hashes.size()), Chunk(hashes.size()));
    pool.Release(blocks, match.to_the_end);
    blocks.clear();
  }
};

std::string Fault(const BlockPool& pool, std::vector<const Writer*> writers) {
  std::vector<int> holders(pool.num_blocks());
  for (const Writer* writer : writers) {
    for (const BlockId block : writer->blocks) ++holders[block];
  }
  return pool.FindFault(holders);
}

Blocks AllocateAll(BlockPool& pool) {
  Blocks blocks;
  while (pool.num_free() > 0) blocks.push_back(pool.Allocate());
  return blocks;
}

TEST_CASE("blocks come in order, then the one let go of last") {
  BlockPool pool(10, true);
  CHECK(pool.Allocate() == 0);
  CHECK(pool.Allocate() == 1);
  CHECK(pool.Allocate() == 2);
  pool.Release(Blocks{0, 1, 2}, false);  // without content
  CHECK(pool.Allocate() == 0);
  CHECK(pool.num_free() == 9);
  CHECK(AllocateAll(pool) == Blocks{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(pool.num_free() == 0);
}

TEST_CASE("a second sequence shares full blocks by reference, while the first lives and after") {
  BlockPool pool(10, true);
  Writer a(pool, Range(0, 40));
  CHECK(a.blocks == Blocks{0, 1, 2});
  Writer b(pool, Range(0, 40));
  CHECK(b.blocks == Blocks{0, 1, 3});
  CHECK(b.match.num_tokens() == 32);
  CHECK(Fault(pool, {&a, &b}) == "");
  a.End();
  CHECK(pool.num_held() == 3);
  CHECK(Fault(pool, {&a, &b}) == "");
  b.End();
  CHECK(pool.num_held() == 0);
  CHECK(pool.num_cached() == 3);  // the second tail said nothing new
  Writer c(pool, Range(0, 40));
  CHECK(c.match.blocks == Blocks{0, 1});
  CHECK(c.match.partial == 2);
  CHECK(c.match.partial_tokens == 7);  // the last token's logits are wanted: it is computed again
  CHECK(c.blocks == Blocks{0, 1, 3});
  CHECK(Fault(pool, {&c}) == "");
}

TEST_CASE("what is given up for others is counted, and full blocks are remembered by name") {
  BlockPool pool(4, true);
  Writer a(pool, Range(0, 40));
  a.End();  // two full blocks and a part of one
  CHECK(pool.evictions().count() == 0);
  CHECK_FALSE(pool.evictions().Remembers(a.hashes[0]));
  const BlockId empty = pool.Allocate();  // nothing stood in it
  CHECK(pool.evictions().count() == 0);
  CHECK(pool.evictions().last(empty) == 0);
  const BlockId tail = pool.Allocate(), second = pool.Allocate();
  CHECK(pool.evictions().count() == 2);
  CHECK(pool.evictions().last(tail) == 1);
  CHECK(pool.evictions().last(second) == 2);
  CHECK(pool.evictions().Remembers(a.hashes[1]));
  CHECK_FALSE(pool.evictions().Remembers(a.hashes[0]));
  CHECK(pool.FindPrefix(a.ids, a.hashes, 39).blocks == Blocks{0});
}

TEST_CASE("a prompt that is cached whole still computes its last token") {
  BlockPool pool(10, true);
  Writer a(pool, Range(0, 32));
  a.End();
  Writer b(pool, Range(0, 32));
  CHECK(b.match.blocks == Blocks{0});
  CHECK(b.match.partial == 1);
  CHECK(b.match.partial_tokens == 15);
  CHECK(b.blocks == Blocks{0, 1});  // written again as block 2, which then gave way to the cached block 1
  CHECK(pool.num_held() == 2);
  CHECK(Fault(pool, {&b}) == "");
}

TEST_CASE("the longest common beginning of a block is found, full or not") {
  BlockPool pool(10, true);
  Writer a(pool, Range(0, 20));
  a.End();
  Writer b(pool, Range(0, 16) + Range(16, 2) + Range(500, 14));
  CHECK(b.match.partial == 1);
  CHECK(b.match.partial_tokens == 2);
  b.End();
  Writer c(pool, Range(0, 16) + Range(16, 2) + Range(500, 9) + Range(900, 3));
  CHECK(c.match.blocks == Blocks{0});
  CHECK(c.match.partial == 2);
  CHECK(c.match.partial_tokens == 11);
  Writer d(pool, Range(5000, 16));
  CHECK(d.match.num_tokens() == 0);
  CHECK(Fault(pool, {&c, &d}) == "");
}

TEST_CASE("the same ids behind another beginning are another content") {
  BlockPool pool(10, true);
  Writer a(pool, Range(0, 16) + Range(100, 16));
  a.End();
  Writer b(pool, Range(50, 16) + Range(100, 17));
  CHECK(b.match.num_tokens() == 0);
  Writer c(pool, Range(0, 16) + Range(100, 17));
  CHECK(c.match.blocks == Blocks{0, 1});
}

TEST_CASE("eviction: without content first, then least recently used, a sequence's tail before its head") {
  BlockPool pool(10, true);
  Writer a(pool, Range(0, 48));     // 0 1 2
  Writer b(pool, Range(1000, 48));  // 3 4 5
  CHECK(b.blocks == Blocks{3, 4, 5});
  b.End();
  a.End();
  CHECK(pool.num_cached() == 6);
  CHECK(AllocateAll(pool) == Blocks{6, 7, 8, 9, 5, 4, 3, 2, 1, 0});
}

TEST_CASE("a block that was found again outlives later one-shot traffic") {
  BlockPool pool(10, true);
  Writer(pool, Range(0, 32)).End();  // 0 1
  Writer again(pool, Range(0, 32) + Range(700, 16));
  CHECK(again.blocks == Blocks{0, 1, 2});
  CHECK(again.match.to_the_end);
  again.End();
  for (int i = 0; i < 20; ++i) {
    Writer(pool, Range(10000 + 100 * i, 64)).End();
    CHECK(Fault(pool, {}) == "");
  }
  Writer third(pool, Range(0, 32) + Range(700, 16) + Range(800, 1));
  CHECK(third.match.blocks == Blocks{0, 1, 2});
}

TEST_CASE("sharing a system prompt protects the prompt, not what each one-shot request adds") {
  BlockPool pool(10, true);
  const Ids system = Range(0, 32);
  Writer(pool, system + Range(1000, 32)).End();
  for (int i = 2; i < 6; ++i) {
    Writer one_shot(pool, system + Range(1000 * i, 32));
    CHECK(one_shot.match.num_tokens() == 32);
    CHECK_FALSE(one_shot.match.to_the_end);
    one_shot.End();
  }
  const Blocks order = AllocateAll(pool);
  REQUIRE(order.size() == 10);
  CHECK(Blocks(order.end() - 2, order.end()) == Blocks{1, 0});
}

TEST_CASE("sharing among live sequences alone protects nothing") {
  BlockPool pool(10, true);
  Writer a(pool, Range(0, 32));
  Writer b(pool, Range(0, 32) + Range(50, 16));
  CHECK(b.match.blocks == Blocks{0, 1});
  CHECK_FALSE(b.match.to_the_end);
  b.End();
  a.End();
  Writer(pool, Range(500, 16)).End();  // block 3, let go of later than 0 1 2
  CHECK(AllocateAll(pool) == Blocks{4, 5, 6, 7, 8, 9, 2, 1, 0, 3});
}

TEST_CASE("protected blocks beyond three quarters of the pool go back on probation") {
  BlockPool pool(10, true);                                                                   // at most 6
  for (const TokenId first : {0, 1000, 2000}) Writer(pool, Range(first, 32)).End();           // 0 1, 2 3, 4 5
  for (const TokenId first : {0, 1000, 2000}) Writer(pool, Range(first, 32) + Ids{1}).End();  // + 6, + 7, + 8
  CHECK(Fault(pool, {}) == "");
  CHECK(AllocateAll(pool) == Blocks{9, 6, 1, 0, 7, 3, 2, 8, 5, 4});
}

TEST_CASE("a block whose beginning a longer one covers is dropped") {
  BlockPool pool(10, true);
  Writer(pool, Range(0, 5)).End();
  CHECK(pool.num_cached() == 1);
  Writer longer(pool, Range(0, 9));
  CHECK(longer.match.partial == 0);
  longer.End();
  CHECK(pool.num_cached() == 1);
  Writer(pool, Range(0, 16)).End();
  CHECK(pool.num_cached() == 1);
  CHECK(Fault(pool, {}) == "");
}

TEST_CASE("two sequences that compute the same at the same time end up with one copy") {
  BlockPool pool(10, true);
  const Ids ids = Range(0, 16);
  const BlockHash hash = HashBlock(kRootHash, ids, pool.hash_key());
  const BlockId a = pool.Allocate(), b = pool.Allocate();
  CHECK(pool.Publish(a, kRootHash, hash, ids) == a);
  CHECK(pool.Publish(b, kRootHash, hash, ids) == a);
  CHECK(pool.is_free(b));
  std::vector<int> holders(10);
  holders[a] = 2;
  CHECK(pool.FindFault(holders) == "");
}

TEST_CASE("a name alone is not enough: ids are compared") {
  BlockPool pool(10, true);
  const Ids ids = Range(0, 16), other = Range(1, 16);
  const BlockHash hash = HashBlock(kRootHash, ids, pool.hash_key());
  const BlockId a = pool.Allocate();
  pool.Publish(a, kRootHash, hash, ids);
  CHECK(pool.FindPrefix(other, std::vector{hash}, 16).num_tokens() == 0);
  const BlockId b = pool.Allocate();
  CHECK(pool.Publish(b, kRootHash, hash, other) == b);  // a collision: stays out of the index
  CHECK(pool.FindPrefix(ids, std::vector{hash}, 16).blocks == Blocks{a});
}

TEST_CASE("without prefix caching nothing is kept") {
  BlockPool pool(10, false);
  Writer(pool, Range(0, 40)).End();
  CHECK(pool.num_cached() == 0);
  CHECK(Writer(pool, Range(0, 40)).match.num_tokens() == 0);
}

TEST_CASE("the books stay right over a random walk") {
  for (const uint32_t seed : {1u, 2u, 3u}) {
    std::mt19937 random(seed);
    BlockPool pool(30, true);
    std::vector<std::unique_ptr<Writer>> live;
    for (int step = 0; step < 3000; ++step) {
      const bool arrive = live.empty() || random() % 2 == 0;
      Ids text;
      for (int part = 0; part < 3; ++part) text = text + Range(100 * static_cast<int>(random() % 3), 1 + random() % 25);
      if (arrive && pool.num_free() >= 6) {
        live.push_back(std::make_unique<Writer>(pool, text));
      } else if (!live.empty()) {
        std::swap(live[random() % live.size()], live.back());
        live.back()->End();
        live.pop_back();
      }
      std::vector<const Writer*> writers;
      for (const auto& writer : live) writers.push_back(writer.get());
      REQUIRE(Fault(pool, writers) == "");
    }
  }
}

}  // namespace
}  // namespace puna::engine
