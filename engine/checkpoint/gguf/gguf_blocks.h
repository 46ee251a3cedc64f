// The block formats of GGUF tensors that we read, each with its layout as ggml-common.h and ggml-quants.c define it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace puna::engine {

inline constexpr uint32_t kGgufF32 = 0, kGgufF16 = 1, kGgufQ4_0 = 2, kGgufQ8_0 = 8, kGgufQ4_K = 12, kGgufQ6_K = 14,
                          kGgufBf16 = 30;

struct GgufType {
  uint32_t type;
  const char* name;
  int64_t block;  // elements
  size_t bytes;   // of a block
};

const GgufType* FindGgufType(uint32_t type);  // null: not one that we read
std::string GgufTypeNames();                  // "F32, F16, ..."

// `blocks` blocks of a quantised type into blocks * block floats.
void DequantizeGguf(uint32_t type, const std::byte* from, int64_t blocks, float* out);

// A Q4_0 block as codes in [-8, 7] and its scale.
void ReadQ4_0(const std::byte* from, int8_t* codes, float* scale);

}  // namespace puna::engine
