#include "server/model/kv_budget.h"

#include <doctest/doctest.h>

#include <stdexcept>

#include "engine/kv_cache/block_id.h"

namespace puna::server {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
static_assert(engine::kBlockSize == 16);

TEST_CASE("the KV pool: what was asked for, else what can be used, within what is left") {
  config::EngineConfig config;
  config.max_num_seqs = 4;
  // Plenty of memory: four sequences of 1000 tokens (63 blocks each), and one block to copy into.
  CHECK(NumKvBlocks(config, 1 * kMiB, 1000, 100000 * kMiB) == 4 * 63 + 1);
  // 256 MiB are kept, of the other 200 MiB nine tenths are used.
  CHECK(NumKvBlocks(config, 1 * kMiB, 1000, 456 * kMiB) == 180);
  config.kv_cache_gib = 0.5;
  CHECK(NumKvBlocks(config, 1 * kMiB, 1000, 544 * kMiB) == 512);
  CHECK_THROWS_WITH_AS(
      NumKvBlocks(config, 1 * kMiB, 1000, 543 * kMiB),
      "kv_cache_gib: 512 MiB were asked for, and beside the weights 511 MiB are left; choose a smaller "
      "--kv-cache-gib, leave it out, or raise the memory limit",
      std::runtime_error);
}

TEST_CASE("what is remembered of finished answers is counted where it is looked up") {
  config::EngineConfig config;
  const int64_t a_million = AnswerMemory(config);
  CHECK(a_million > 8 * config.remembered_tokens);
  CHECK(a_million < 20 * config.remembered_tokens);
  config.remembered_tokens = 0;
  CHECK(AnswerMemory(config) == 0);
  config.remembered_tokens = 100'000'000;
  CHECK(AnswerMemory(config) > 50 * a_million);
  config.speculation = false;
  CHECK(AnswerMemory(config) == 0);
}

TEST_CASE("weights that do not fit are refused before they are loaded") {
  CHECK_NOTHROW(CheckWeightsFit("m", "bf16", 100 * kMiB, 100 * kMiB));
  CHECK_THROWS_WITH_AS(
      CheckWeightsFit("m", "bf16", 101 * kMiB, 100 * kMiB),
      "m: its weights take 101 MiB as bf16, and 100 MiB are left; choose smaller --weights or raise the "
      "memory limit",
      std::runtime_error);
}

TEST_CASE("too little memory is an error that says how much is needed") {
  config::EngineConfig config;
  CHECK_THROWS_WITH_AS(NumKvBlocks(config, 2 * kMiB, 4096, 257 * kMiB),
                       "the KV cache has room for 0 tokens, and at least 256 are needed (32 MiB, beside the 256 MiB "
                       "that are kept for everything else); raise --kv-cache-gib or the "
                       "memory limit, or choose smaller --weights",
                       std::runtime_error);
  CHECK_NOTHROW(NumKvBlocks(config, 2 * kMiB, 16, 260 * kMiB));  // a model of 16 positions needs one block
}

}  // namespace
}  // namespace puna::server
