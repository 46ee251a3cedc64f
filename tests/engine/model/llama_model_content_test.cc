// The bytes of a block, as the cache on disk keeps them: they come back, and they are what earlier versions wrote.
#include <doctest/doctest.h>

#include <atomic>
#include <numeric>
#include <string>
#include <vector>

#include "engine/base/content_hash.h"
#include "engine/checkpoint/open_checkpoint.h"
#include "engine/kv_cache/block_id.h"
#include "engine/model/llama.h"

namespace puna::engine {
namespace {

std::unique_ptr<Model> MakeDemo(WeightFormat weights, KvDtype dtype, Isa isa) {
  LlamaOptions options{weights, isa, 1, 64};
  options.kv_dtype = dtype;
  auto model = LoadLlama(OpenCheckpoint(std::string(PUNA_SOURCE_DIR) + "/engine/demo/model"), options, {});
  model->AllocateKvCache(40);
  return model;
}

// Computes 40 ids into blocks 3, 17 and 9.
std::vector<float> Compute(Model& model, int num_computed) {
  std::vector<TokenId> ids(40 - num_computed);
  std::iota(ids.begin(), ids.end(), 100 + num_computed);
  const std::vector<BlockId> table = {3, 17, 9};
  const SequenceChunk chunk{0, static_cast<int32_t>(ids.size()), num_computed, table};
  const std::vector<int32_t> rows = {static_cast<int32_t>(ids.size()) - 1};
  const auto logits = model.Forward({ids, {&chunk, 1}, rows});
  return {logits.row(0), logits.row(0) + logits.cols};
}

std::vector<uint8_t> Read(const Model& model, BlockId block) {
  std::vector<uint8_t> bytes(model.kv_bytes_per_block());
  model.ReadBlock(block, bytes);
  return bytes;
}

std::string Fingerprint(const Model& model) { return model.ContentFingerprint(std::atomic<bool>(false)); }

TEST_CASE("a block that is read and written back elsewhere gives the same logits to the bit") {
  for (const KvDtype dtype : {KvDtype::kBf16, KvDtype::kInt8}) {
    const auto model = MakeDemo(WeightFormat::kW8A8, dtype, DetectIsa());
    const auto other = MakeDemo(WeightFormat::kW8A8, dtype, DetectIsa());
    const std::vector<float> logits = Compute(*model, 0);
    const std::vector<BlockId> blocks = {3, 17};
    other->PrepareBlocks(blocks);
    for (const BlockId block : blocks) other->WriteBlock(block, Read(*model, block));
    for (const BlockId block : blocks) CHECK(Read(*other, block) == Read(*model, block));
    CHECK(Compute(*other, 32) == logits);
  }
}

TEST_CASE("what a block depends on is in the fingerprint, down to one weight") {
  const auto model = MakeDemo(WeightFormat::kW8A8, KvDtype::kInt8, DetectIsa());
  CHECK(Fingerprint(*model) == Fingerprint(*MakeDemo(WeightFormat::kW8A8, KvDtype::kInt8, Isa::kScalar)));
  CHECK(Fingerprint(*model) != Fingerprint(*MakeDemo(WeightFormat::kW8A8, KvDtype::kBf16, DetectIsa())));
  CHECK(Fingerprint(*model) != Fingerprint(*MakeDemo(WeightFormat::kW4A8, KvDtype::kInt8, DetectIsa())));
}

// When this fails, kernels round otherwise, or a block lies in memory in another way: raise kKvContentVersion in
// engine/model/llama_model.cc, and put the new hash here.
TEST_CASE("the bits of a block are those of the content version") {
  for (const Isa isa : {Isa::kScalar, DetectIsa()}) {
    const auto model = MakeDemo(WeightFormat::kW8A8, KvDtype::kInt8, isa);
    Compute(*model, 0);
    CHECK(Fingerprint(*model).find("content=1 ") == 0);
    const ContentHash hash = HashContent(Read(*model, 17));
    CHECK(hash.low == 18227008673404898474u);
    CHECK(hash.high == 15552928645818473798u);
  }
}

}  // namespace
}  // namespace puna::engine
