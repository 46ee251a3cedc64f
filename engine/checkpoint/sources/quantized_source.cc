#include "engine/checkpoint/sources/quantized_source.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

bool IsNatural(const QuantizedLayout& layout) {
  if (layout.cols % layout.groups != 0) return false;
  const int64_t size = layout.cols / layout.groups;
  for (size_t c = 0; c < layout.group_of.size(); ++c) {
    if (layout.group_of[c] != static_cast<int64_t>(c) / size) return false;
  }
  return true;
}

}  // namespace

QuantizedSource::QuantizedSource(QuantizedLayout layout) : layout_(std::move(layout)) {
  if (std::all_of(layout_.zeros.begin(), layout_.zeros.end(), [](int8_t z) { return z == 0; })) {
    layout_.zeros.clear();
  }
  const bool natural = IsNatural(layout_);
  if (natural) layout_.group_of.clear();
  PUNA_CHECK(natural || layout_.group_of.size() == static_cast<size_t>(layout_.cols)) << layout_.name;
  const bool symmetric = natural && layout_.zeros.empty();
  encoding_ = symmetric && layout_.bits == 4                          ? Encoding::kInt4
              : symmetric && layout_.bits == 8 && layout_.groups == 1 ? Encoding::kInt8
                                                                      : Encoding::kFloat;
}

void QuantizedSource::ReadFloat(int64_t first, int64_t count, float* out) const {
  PUNA_CHECK(first >= 0 && count >= 0 && first + count <= rows()) << name();
  const int64_t cols = layout_.cols;
  const int64_t groups = layout_.groups;
  const int64_t size = cols / groups;
  std::vector<int8_t> codes(static_cast<size_t>(count * cols));
  std::vector<float> scales(static_cast<size_t>(count * groups));
  ReadRawCodes(first, count, codes.data());
  ReadScales(first, count, scales.data());
  const bool zeros = !layout_.zeros.empty();
  for (int64_t r = 0; r < count; ++r) {
    const int8_t* code = codes.data() + r * cols;
    const float* scale = scales.data() + r * groups;
    const int8_t* zero = zeros ? layout_.zeros.data() + (first + r) * groups : nullptr;
    float* to = out + r * cols;
    if (!layout_.group_of.empty()) {
      for (int64_t c = 0; c < cols; ++c) {
        const int32_t g = layout_.group_of[static_cast<size_t>(c)];
        to[c] = scale[g] * static_cast<float>(code[c] - (zero ? zero[g] : 0));
      }
      continue;
    }
    for (int64_t g = 0; g < groups; ++g) {
      const int z = zero ? zero[g] : 0;
      for (int64_t c = g * size; c < (g + 1) * size; ++c) to[c] = scale[g] * static_cast<float>(code[c] - z);
    }
  }
}

void QuantizedSource::ReadCodes(int64_t first, int64_t count, int8_t* codes, float* scales) const {
  PUNA_CHECK(encoding_ != Encoding::kFloat) << name();
  PUNA_CHECK(first >= 0 && count >= 0 && first + count <= rows()) << name();
  ReadRawCodes(first, count, codes);
  ReadScales(first, count, scales);
}

}  // namespace puna::engine
