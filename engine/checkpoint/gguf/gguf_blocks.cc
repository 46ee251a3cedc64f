#include "engine/checkpoint/gguf/gguf_blocks.h"

#include <cstring>

#include "engine/base/check.h"
#include "engine/base/float16.h"

namespace puna::engine {
namespace {

constexpr GgufType kTypes[] = {
    {kGgufF32, "F32", 1, 4},       {kGgufF16, "F16", 1, 2},     {kGgufBf16, "BF16", 1, 2},
    {kGgufQ8_0, "Q8_0", 32, 34},   {kGgufQ4_0, "Q4_0", 32, 18}, {kGgufQ4_K, "Q4_K", 256, 144},
    {kGgufQ6_K, "Q6_K", 256, 210},
};

float Half(const std::byte* from) {
  uint16_t bits;
  std::memcpy(&bits, from, 2);
  return HalfToFloat(bits);
}

int Byte(const std::byte* from, int i) { return static_cast<int>(from[i]); }
int Signed(const std::byte* from, int i) { return static_cast<int8_t>(from[i]); }

// half d; int8 q[32]: w = d * q
void Q8_0(const std::byte* from, float* out) {
  const float d = Half(from);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(Signed(from + 2, i));
}

void Q4_0(const std::byte* from, float* out) {
  int8_t codes[32];
  float scale;
  ReadQ4_0(from, codes, &scale);
  for (int i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(codes[i]);
}

// half d, dmin; 12 bytes with eight 6-bit scales and minima; 128 bytes of nibbles. w = d * scale * q - dmin * minimum,
// eight sub-blocks of 32: the low nibbles of each 32 bytes, then their high nibbles.
void Q4_K(const std::byte* from, float* out) {
  const float d = Half(from), dmin = Half(from + 2);
  const std::byte* s = from + 4;
  const std::byte* q = from + 16;
  for (int j = 0; j < 8; ++j) {
    const int scale = j < 4 ? Byte(s, j) & 63 : (Byte(s, j + 4) & 15) | (Byte(s, j - 4) >> 6 << 4);
    const int minimum = j < 4 ? Byte(s, j + 4) & 63 : Byte(s, j + 4) >> 4 | (Byte(s, j) >> 6 << 4);
    const float a = d * static_cast<float>(scale), b = dmin * static_cast<float>(minimum);
    for (int l = 0; l < 32; ++l) {
      const int byte = Byte(q, j / 2 * 32 + l);
      out[32 * j + l] = a * static_cast<float>(j % 2 == 0 ? byte & 15 : byte >> 4) - b;
    }
  }
}

// 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 int8 scales of 16 values each, half d:
// w = d * scale * (q - 32). Each half of 128 values takes 64 low bytes and 32 high ones.
void Q6_K(const std::byte* from, float* out) {
  const float d = Half(from + 208);
  for (int h = 0; h < 2; ++h) {
    const std::byte* low = from + 64 * h;
    const std::byte* high = from + 128 + 32 * h;
    const std::byte* scales = from + 192 + 8 * h;
    for (int i = 0; i < 128; ++i) {
      const int l = i % 32, quarter = i / 32;
      const int nibble = Byte(low, l + 32 * (quarter % 2)) >> (quarter < 2 ? 0 : 4) & 15;
      const int code = (nibble | (Byte(high, l) >> (2 * quarter) & 3) << 4) - 32;
      out[128 * h + i] = d * static_cast<float>(Signed(scales, i / 16)) * static_cast<float>(code);
    }
  }
}

}  // namespace

const GgufType* FindGgufType(uint32_t type) {
  for (const GgufType& known : kTypes) {
    if (known.type == type) return &known;
  }
  return nullptr;
}

std::string GgufTypeNames() {
  std::string names;
  for (const GgufType& known : kTypes) names += (names.empty() ? "" : ", ") + std::string(known.name);
  return names;
}

void DequantizeGguf(uint32_t type, const std::byte* from, int64_t blocks, float* out) {
  const GgufType* known = FindGgufType(type);
  PUNA_CHECK(known != nullptr && known->block > 1) << type;
  const auto dequantize = type == kGgufQ8_0 ? Q8_0 : type == kGgufQ4_0 ? Q4_0 : type == kGgufQ4_K ? Q4_K : Q6_K;
  for (int64_t b = 0; b < blocks; ++b) {
    dequantize(from + b * static_cast<int64_t>(known->bytes), out + b * known->block);
  }
}

// half d; 16 bytes: low nibbles are values 0..15, high nibbles 16..31. w = d * (q - 8)
void ReadQ4_0(const std::byte* from, int8_t* codes, float* scale) {
  *scale = Half(from);
  for (int i = 0; i < 16; ++i) {
    const int byte = Byte(from + 2, i);
    codes[i] = static_cast<int8_t>((byte & 15) - 8);
    codes[i + 16] = static_cast<int8_t>((byte >> 4) - 8);
  }
}

}  // namespace puna::engine
