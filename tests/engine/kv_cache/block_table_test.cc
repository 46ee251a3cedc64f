#include "engine/kv_cache/block_table.h"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

namespace puna::engine {
namespace {

std::vector<TokenId> Text(int count) {
  std::vector<TokenId> ids(count);
  std::iota(ids.begin(), ids.end(), 1);
  return ids;
}

TEST_CASE("how far the draft model's entries reach") {
  BlockPool pool(8, true);
  BlockTable table(pool);
  CHECK(table.num_drafted() == 0);
  REQUIRE(table.Grow(3 * kBlockSize));
  for (const int positions : {5, 16, 17, 40, 48}) {
    table.SetDrafted(positions);
    CHECK(table.num_drafted() == positions);
  }
  table.Free(Text(48), 40);
  CHECK(table.num_drafted() == 0);
  REQUIRE(
      table.Grow(6 * kBlockSize));  // blocks that nobody had, and then those of before, which are somebody else's now
  CHECK(table.num_drafted() == 0);
  table.Free({}, 0);
}

TEST_CASE("a block that is given up for one that says the same has the entries of that one") {
  BlockPool pool(8, true);
  const std::vector<TokenId> text = Text(40);
  BlockTable without(pool), with(pool);
  REQUIRE(without.Grow(40));
  REQUIRE(with.Grow(40));
  with.SetDrafted(40);
  CHECK(with.num_drafted() == 40);
  without.Publish(text, 40);
  with.Publish(text, 40);
  CHECK(with.blocks()[0] == without.blocks()[0]);
  CHECK(with.num_drafted() == 0);
  with.SetDrafted(20);
  CHECK(without.num_drafted() == 20);  // they are shared
  with.Free(text, 40);
  without.SetDrafted(32);

  BlockTable third(pool);
  CHECK_FALSE(third.Adopt(third.FindPrefix(text, 32)));
  CHECK(third.num_drafted() == 32);
  third.Free(text, 32);
  without.Free(text, 40);
}

}  // namespace
}  // namespace puna::engine
