#include "engine/checkpoint/sources/group_tensors.h"

#include <bit>
#include <cstring>

#include "engine/checkpoint/files/checkpoint_fault.h"

namespace puna::engine {
namespace {

constexpr int64_t kBlock = 4096;  // elements at a time

// Sign and 11 significant bits, and an exponent that a float16 has: subnormals have fewer bits.
bool FitsHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value) & 0x7fffffffu;
  if (bits == 0) return true;
  const int exponent = static_cast<int>(bits >> 23) - 127;
  if (exponent > 15 || exponent < -24) return false;
  const int kept =
      exponent < -14 ? 23 - (24 + exponent) : 13;  // of the 23 bits behind the leading one, those that must be 0
  return (bits & ((1u << kept) - 1)) == 0;
}

}  // namespace

GroupForm::Scale ScaleKind(const Tensor& scales) {
  if (scales.dtype == DType::kF16) return GroupForm::Scale::kHalf;
  std::vector<float> block(kBlock);
  const int64_t count = ElementCount(scales.shape);
  for (int64_t at = 0; at < count; at += kBlock) {
    const int64_t n = std::min(kBlock, count - at);
    ReadFloats(scales, at, n, block.data());
    for (int64_t i = 0; i < n; ++i) {
      if (!FitsHalf(block[static_cast<size_t>(i)])) return GroupForm::Scale::kFloat;
    }
  }
  return GroupForm::Scale::kHalf;
}

int64_t GroupsOf(const Tensor& scales, int64_t rows, int64_t cols) {
  CheckWeightFloat(scales);
  const std::vector<int64_t>& shape = scales.shape;
  if (shape.size() <= 1 && (ElementCount(shape) == rows || ElementCount(shape) == 1)) return 1;
  if (ElementCount(shape) == 1) return 1;
  if (shape.size() == 2 && shape[0] == rows && shape[1] > 0 && shape[1] <= cols && cols % shape[1] == 0)
    return shape[1];
  Throw({.path = scales.path(),
         .item = Printable(scales.name),
         .expected = "[" + std::to_string(rows) + ", n] with n a divisor of " + std::to_string(cols),
         .found = ShapeText(shape),
         .remedy = "the file does not belong to this configuration: download the whole model again"});
}

std::vector<int32_t> ReadGroupIndex(const Tensor& g_idx, int64_t cols, int64_t groups) {
  CheckShape(g_idx, {cols});
  std::vector<int32_t> group_of = ReadInts(g_idx);
  for (const int32_t g : group_of) {
    if (g >= 0 && g < groups) continue;
    Throw({.path = g_idx.path(),
           .item = Printable(g_idx.name),
           .expected = "groups from 0 to " + std::to_string(groups - 1),
           .found = std::to_string(g),
           .remedy = kDownloadAgain});
  }
  return group_of;
}

}  // namespace puna::engine
