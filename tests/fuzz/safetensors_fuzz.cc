// libFuzzer entry: any bytes as a safetensors file. Build with clang++ -fsanitize=fuzzer,address,undefined.
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

#include "engine/checkpoint/files/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace puna::engine;
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    unsigned sum = 0;
    for (const Tensor& tensor : ReadSafetensors(MappedFile::Borrow("fuzz", bytes))) {
      for (const std::byte b : tensor.bytes) sum += static_cast<unsigned>(b);  // every byte is inside the input
    }
    [[maybe_unused]] volatile unsigned keep = sum;
  } catch (const std::runtime_error&) {
  }
  return 0;
}
