// libFuzzer entry: any bytes as each of the JSON files of a model. Build with
// clang++ -fsanitize=fuzzer,address,undefined.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>

#include "engine/checkpoint/config/generation_config.h"
#include "engine/checkpoint/config/model_config.h"
#include "engine/checkpoint/config/quantization_config.h"
#include "engine/checkpoint/files/json_object.h"
#include "engine/checkpoint/meta/meta_params.h"

namespace {

template <typename Call>
void Try(Call call) {
  try {
    call();
  } catch (const std::runtime_error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace puna::engine;
  Try([&] {
    const JsonObject json = JsonObject::Parse(std::as_bytes(std::span(data, size)), "fuzz");
    Try([&] { ParseModelConfig(json); });
    Try([&] { ParseQuantizationConfig(json); });
    Try([&] { ParseGenerationConfig(json, 1000); });
    Try([&] { ParseMetaParams(json, std::nullopt); });
  });
  return 0;
}
