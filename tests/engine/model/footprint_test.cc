#include "engine/model/footprint.h"

#include <doctest/doctest.h>

#include "engine/checkpoint/open_checkpoint.h"

namespace puna::engine {
namespace {

TEST_CASE("what is planned is what a loaded model takes") {
  const Checkpoint checkpoint = OpenCheckpoint("random:tiny");
  LlamaOptions options;
  for (const auto format : {WeightFormat::kBf16, WeightFormat::kW8A8, WeightFormat::kW4A8}) {
    options.weights = format;
    for (const auto dtype : {KvDtype::kBf16, KvDtype::kInt8}) {
      options.kv_dtype = dtype;
      const std::unique_ptr<Model> model = LoadLlama(checkpoint, options, {});
      CHECK(PlannedForms(checkpoint, options) == Name(format));
      CHECK(PlannedWeightBytes(checkpoint, options) == model->weight_bytes());
      CHECK(PlannedKvBytesPerBlock(checkpoint.config, options) == model->kv_bytes_per_block());
    }
  }
}

}  // namespace
}  // namespace puna::engine
