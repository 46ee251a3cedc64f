#include "engine/checkpoint/gguf/gguf_blocks.h"

#include <cstring>
#include <utility>

#include "engine/base/float16.h"

namespace puna::engine {
namespace {

// Where one block's parts go.
struct Parts {
  uint8_t* __restrict codes;
  float* scale;
  float* minimum;
  int8_t* __restrict sub_scales;
  int8_t* __restrict sub_minimums;
};

float Half(const uint8_t* from) {
  uint16_t bits;
  std::memcpy(&bits, from, 2);
  return HalfToFloat(bits);
}

// Low halves of kBytes bytes, then their high halves.
template <int kBytes>
void Nibbles(const uint8_t* from, uint8_t* __restrict codes) {
  for (int i = 0; i < kBytes; ++i) {
    codes[i] = from[i] & 15;
    codes[i + kBytes] = from[i] >> 4;
  }
}

// Adds 16 to each of 32 codes whose bit of the 32 is set.
void FifthBits(const uint8_t* bits, uint8_t* codes) {
  for (int i = 0; i < 4; ++i) {
    uint64_t eight;
    std::memcpy(&eight, codes + 8 * i, 8);
    const uint64_t set = (bits[i] * 0x0101010101010101u) & 0x8040201008040201u;  // bit j in byte j, at its own place
    eight |= ((set + 0x7f7f7f7f7f7f7f7fu) & 0x8080808080808080u) >> 3;
    std::memcpy(codes + 8 * i, &eight, 8);
  }
}

// half d; 16 bytes of nibbles: w = d * (q - 8)
struct Q4_0 {
  static void Unpack(const uint8_t* from, const Parts& to) {
    *to.scale = Half(from);
    Nibbles<16>(from + 2, to.codes);
  }
};

// half d, m; 16 bytes of nibbles: w = d * q + m
struct Q4_1 {
  static void Unpack(const uint8_t* from, const Parts& to) {
    *to.scale = Half(from);
    *to.minimum = Half(from + 2);
    Nibbles<16>(from + 4, to.codes);
  }
};

// half d; 32 fifth bits; 16 bytes of nibbles: w = d * (q - 16)
struct Q5_0 {
  static void Unpack(const uint8_t* from, const Parts& to) {
    *to.scale = Half(from);
    Nibbles<16>(from + 6, to.codes);
    FifthBits(from + 2, to.codes);
  }
};

// half d, m; 32 fifth bits; 16 bytes of nibbles: w = d * q + m
struct Q5_1 {
  static void Unpack(const uint8_t* from, const Parts& to) {
    *to.scale = Half(from);
    *to.minimum = Half(from + 2);
    Nibbles<16>(from + 8, to.codes);
    FifthBits(from + 4, to.codes);
  }
};

// half d; int8 q[32]: w = d * q
struct Q8_0 {
  static void Unpack(const uint8_t* from, const Parts& to) {
    *to.scale = Half(from);
    for (int i = 0; i < 32; ++i) to.codes[i] = from[2 + i] ^ 128;
  }
};

// One of the four bit pairs of each of 32 bytes.
template <int kShift>
void Pairs(const uint8_t* from, uint8_t* __restrict codes) {
  for (int l = 0; l < 32; ++l) codes[l] = from[l] >> kShift & 3;
}

void Pairs128(const uint8_t* from, uint8_t* codes) {
  Pairs<0>(from, codes);
  Pairs<2>(from, codes + 32);
  Pairs<4>(from, codes + 64);
  Pairs<6>(from, codes + 96);
}

// 16 bytes: scale low, minimum high; 64 bytes of bit pairs; half d, dmin: w = d * scale * q - dmin * minimum
struct Q2_K {
  static void Unpack(const uint8_t* from, const Parts& to) {
    for (int i = 0; i < 16; ++i) {
      to.sub_scales[i] = static_cast<int8_t>(from[i] & 15);
      to.sub_minimums[i] = static_cast<int8_t>(from[i] >> 4);
    }
    Pairs128(from + 16, to.codes);
    Pairs128(from + 48, to.codes + 128);
    *to.scale = Half(from + 80);
    *to.minimum = -Half(from + 82);
  }
};

// 32 bytes of third bits, bit i for elements 32 i and following; 64 bytes of bit pairs; 12 bytes with sixteen 6-bit scales;
// half d: w = d * (scale - 32) * (q - 4). The codes are given 4 higher, for 8 is the middle of 4 bits.
struct Q3_K {
  static void Unpack(const uint8_t* from, const Parts& to) {
    Pairs128(from + 32, to.codes);
    Pairs128(from + 64, to.codes + 128);
    for (int i = 0; i < 8; ++i) {
      for (int l = 0; l < 32; ++l)
        to.codes[32 * i + l] = static_cast<uint8_t>(to.codes[32 * i + l] + ((from[l] >> i & 1) << 2) + 4);
    }
    const uint8_t* s = from + 96;
    for (int i = 0; i < 16; ++i) {
      const int low = i < 8 ? s[i] & 15 : s[i - 8] >> 4;
      to.sub_scales[i] = static_cast<int8_t>((low | (s[8 + i % 4] >> 2 * (i / 4) & 3) << 4) - 32);
    }
    *to.scale = Half(from + 108);
  }
};

// Eight 6-bit scales and minima in 12 bytes.
void ScalesAndMinimums(const uint8_t* s, const Parts& to) {
  for (int j = 0; j < 4; ++j) {
    to.sub_scales[j] = static_cast<int8_t>(s[j] & 63);
    to.sub_minimums[j] = static_cast<int8_t>(s[j + 4] & 63);
    to.sub_scales[j + 4] = static_cast<int8_t>((s[j + 8] & 15) | (s[j] >> 6) << 4);
    to.sub_minimums[j + 4] = static_cast<int8_t>(s[j + 8] >> 4 | (s[j + 4] >> 6) << 4);
  }
}

// half d, dmin; scales and minima; 128 bytes of nibbles, eight sub-blocks of 32: the low nibbles of each 32 bytes, then their
// high ones. w = d * scale * q - dmin * minimum
struct Q4_K {
  static void Unpack(const uint8_t* from, const Parts& to) {
    *to.scale = Half(from);
    *to.minimum = -Half(from + 2);
    ScalesAndMinimums(from + 4, to);
    for (int c = 0; c < 4; ++c) Nibbles<32>(from + 16 + 32 * c, to.codes + 64 * c);
  }
};

// As Q4_K, with 32 bytes before the nibbles: bit j of byte l is the fifth bit of element l of sub-block j.
struct Q5_K {
  static void Unpack(const uint8_t* from, const Parts& to) {
    *to.scale = Half(from);
    *to.minimum = -Half(from + 2);
    ScalesAndMinimums(from + 4, to);
    for (int c = 0; c < 4; ++c) Nibbles<32>(from + 48 + 32 * c, to.codes + 64 * c);
    for (int j = 0; j < 8; ++j) {
      for (int l = 0; l < 32; ++l) to.codes[32 * j + l] |= static_cast<uint8_t>((from[16 + l] >> j & 1) << 4);
    }
  }
};

// 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 int8 scales of 16 values each, half d:
// w = d * scale * (q - 32). Each half of 128 values takes 64 low bytes and 32 high ones.
struct Q6_K {
  static void Unpack(const uint8_t* from, const Parts& to) {
    for (int h = 0; h < 2; ++h) {
      uint8_t* codes = to.codes + 128 * h;
      uint8_t high[128];
      Pairs128(from + 128 + 32 * h, high);
      Nibbles<64>(from + 64 * h, codes);
      for (int i = 0; i < 128; ++i) codes[i] |= static_cast<uint8_t>(high[i] << 4);
    }
    std::memcpy(to.sub_scales, from + 192, 16);
    *to.scale = Half(from + 208);
  }
};

// half d; 16 bytes of nibbles: w = d * table[q]. As Q4_0 but for what the codes mean.
using IQ4_NL = Q4_0;

// half d; eight high bit pairs and eight low nibbles of scales; 128 bytes: eight runs of 16, nibbles of 32:
// w = d * (scale - 32) * table[q]
struct IQ4_XS {
  static void Unpack(const uint8_t* from, const Parts& to) {
    *to.scale = Half(from);
    const int high = from[2] | from[3] << 8;
    for (int j = 0; j < 8; ++j) {
      const int low = from[4 + j / 2] >> 4 * (j % 2) & 15;
      to.sub_scales[j] = static_cast<int8_t>((low | (high >> 2 * j & 3) << 4) - 32);
      Nibbles<16>(from + 8 + 16 * j, to.codes + 32 * j);
    }
  }
};

// Further on in an array that this type may not have.
template <typename T>
T* At(T* array, int64_t entries) {
  return array == nullptr ? nullptr : array + entries;
}

template <typename Block, int kElements, int kBytes, int kGroups>
void Unpack(const std::byte* from, int64_t blocks, const GroupRows& to) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(from);
  for (int64_t b = 0; b < blocks; ++b) {
    Block::Unpack(bytes + b * kBytes, {.codes = to.codes + b * kElements,
                                       .scale = to.scales + b,
                                       .minimum = At(to.minimums, b),
                                       .sub_scales = At(to.sub_scales, b * kGroups),
                                       .sub_minimums = At(to.sub_minimums, b * kGroups)});
  }
}

using Code = GroupForm::Code;
using Scale = GroupForm::Scale;
using Base = GroupForm::Base;

constexpr GroupForm Form(Code code, int group, Scale scale, Base base) {
  return {.code = code, .group = group, .scale = scale, .base = base};
}

const GgufType kTypes[] = {
    {kGgufF32, "F32", 1, 4, {}, nullptr},
    {kGgufF16, "F16", 1, 2, {}, nullptr},
    {kGgufBf16, "BF16", 1, 2, {}, nullptr},
    {2, "Q4_0", 32, 18, Form(Code::kInt4, 32, Scale::kHalf, Base::kOffset), Unpack<Q4_0, 32, 18, 1>},
    {3, "Q4_1", 32, 20, Form(Code::kInt4, 32, Scale::kHalf, Base::kMinimum), Unpack<Q4_1, 32, 20, 1>},
    {6, "Q5_0", 32, 22, Form(Code::kInt5, 32, Scale::kHalf, Base::kOffset), Unpack<Q5_0, 32, 22, 1>},
    {7, "Q5_1", 32, 24, Form(Code::kInt5, 32, Scale::kHalf, Base::kMinimum), Unpack<Q5_1, 32, 24, 1>},
    {8, "Q8_0", 32, 34, Form(Code::kInt8, 32, Scale::kHalf, Base::kOffset), Unpack<Q8_0, 32, 34, 1>},
    {10, "Q2_K", 256, 84, Form(Code::kInt4, 16, Scale::kTwoLevel, Base::kMinimum), Unpack<Q2_K, 256, 84, 16>},
    {11, "Q3_K", 256, 110, Form(Code::kInt4, 16, Scale::kTwoLevel, Base::kOffset), Unpack<Q3_K, 256, 110, 16>},
    {12, "Q4_K", 256, 144, Form(Code::kInt4, 32, Scale::kTwoLevel, Base::kMinimum), Unpack<Q4_K, 256, 144, 8>},
    {13, "Q5_K", 256, 176, Form(Code::kInt5, 32, Scale::kTwoLevel, Base::kMinimum), Unpack<Q5_K, 256, 176, 8>},
    {14, "Q6_K", 256, 210, Form(Code::kInt6, 16, Scale::kTwoLevel, Base::kOffset), Unpack<Q6_K, 256, 210, 16>},
    {20, "IQ4_NL", 32, 18, Form(Code::kIq4, 32, Scale::kHalf, Base::kOffset), Unpack<IQ4_NL, 32, 18, 1>},
    {23, "IQ4_XS", 256, 136, Form(Code::kIq4, 32, Scale::kTwoLevel, Base::kOffset), Unpack<IQ4_XS, 256, 136, 8>},
};

// ggml's other types, to be refused by name.
constexpr std::pair<uint32_t, const char*> kOthers[] = {
    {9, "Q8_1"},      {15, "Q8_K"},     {16, "IQ2_XXS"},  {17, "IQ2_XS"}, {18, "IQ3_XXS"}, {19, "IQ1_S"}, {21, "IQ3_S"},
    {22, "IQ2_S"},    {24, "I8"},       {25, "I16"},      {26, "I32"},    {27, "I64"},     {28, "F64"},   {29, "IQ1_M"},
    {31, "Q4_0_4_4"}, {32, "Q4_0_4_8"}, {33, "Q4_0_8_8"}, {34, "TQ1_0"},  {35, "TQ2_0"},   {39, "MXFP4"}, {40, "NVFP4"},
};

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

std::string GgufTypeName(uint32_t type) {
  if (const GgufType* known = FindGgufType(type)) return known->name;
  for (const auto& [number, name] : kOthers) {
    if (number == type) return name;
  }
  return "type " + std::to_string(type) + (type >= 97 ? " (ik_llama.cpp has types of its own from 97 on)" : "");
}

}  // namespace puna::engine
