#include "engine/checkpoint/sources/packed_source.h"

#include <cstring>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/sources/int8_source.h"
#include "engine/checkpoint/sources/quantized_source.h"

namespace puna::engine {
namespace {

// Unpacks `count` codes from words that start at `from`.
void Unpack(const std::byte* from, int bits, int64_t count, int8_t* codes) {
  if (bits == 8) {
    for (int64_t c = 0; c < count; ++c) {
      codes[c] = static_cast<int8_t>(static_cast<int>(from[c]) - 128);
    }
    return;
  }
  // Words are little endian: byte i holds nibbles 2i and 2i + 1.
  for (int64_t i = 0; i < count / 2; ++i) {
    const int byte = static_cast<int>(from[i]);
    codes[2 * i] = static_cast<int8_t>((byte & 15) - 8);
    codes[2 * i + 1] = static_cast<int8_t>((byte >> 4) - 8);
  }
  if (count % 2 != 0) codes[count - 1] = Nibble(static_cast<uint32_t>(from[count / 2]), 0);
}

class PackedSource : public QuantizedSource {
 public:
  PackedSource(QuantizedLayout layout, const Tensor& packed, const Tensor& scales)
      : QuantizedSource(std::move(layout)), packed_(packed), scales_(scales) {}

  void Release() const override {
    packed_.Release();
    scales_.Release();
  }

 protected:
  void ReadRawCodes(int64_t first, int64_t count, int8_t* codes) const override {
    const int64_t row_bytes = packed_.shape[1] * 4;
    for (int64_t r = 0; r < count; ++r) {
      Unpack(packed_.bytes.data() + (first + r) * row_bytes, layout().bits, cols(), codes + r * cols());
    }
  }
  void ReadScales(int64_t first, int64_t count, float* scales) const override {
    const int64_t groups = layout().groups;
    if (ElementCount(scales_.shape) == 1) {
      for (int64_t r = 0; r < count; ++r) ReadFloats(scales_, 0, 1, scales + r);
    } else {
      ReadFloats(scales_, first * groups, count * groups, scales);
    }
  }

 private:
  Tensor packed_;
  Tensor scales_;
};

int64_t Words(int64_t count, int bits) { return (count * bits + 31) / 32; }

int BitsOf(const Tensor& packed, int64_t rows, int64_t cols) {
  CheckDType(packed, DType::kI32);
  for (const int bits : {4, 8}) {
    if (packed.shape == std::vector<int64_t>{rows, Words(cols, bits)}) return bits;
  }
  CheckShape(packed, {rows, Words(cols, 4)});
  return 4;
}

// Zero points are packed along the rows: word w of a column holds rows 32 / bits * w and following.
std::vector<int8_t> ReadPackedZeros(const Tensor& zeros, int64_t rows, int64_t groups, int bits) {
  CheckDType(zeros, DType::kI32);
  CheckShape(zeros, {Words(rows, bits), groups});
  const std::vector<int32_t> words = ReadInts(zeros);
  const int per_word = 32 / bits;
  std::vector<int8_t> out(static_cast<size_t>(rows * groups));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t g = 0; g < groups; ++g) {
      const auto word = static_cast<uint32_t>(words[static_cast<size_t>(r / per_word * groups + g)]);
      const uint32_t value = word >> (bits * (r % per_word)) & ((1u << bits) - 1);
      out[static_cast<size_t>(r * groups + g)] = static_cast<int8_t>(static_cast<int>(value) - (1 << (bits - 1)));
    }
  }
  return out;
}

}  // namespace

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

std::unique_ptr<WeightSource> MakePackedSource(const PackedTensors& tensors, int64_t rows, int64_t cols) {
  QuantizedLayout layout{.name = tensors.packed->name,
                         .rows = rows,
                         .cols = cols,
                         .groups = 1,
                         .bits = BitsOf(*tensors.packed, rows, cols),
                         .group_of = {},
                         .zeros = {}};
  layout.groups = GroupsOf(*tensors.scales, rows, cols);
  if (tensors.g_idx != nullptr) layout.group_of = ReadGroupIndex(*tensors.g_idx, cols, layout.groups);
  if (tensors.zeros != nullptr) layout.zeros = ReadPackedZeros(*tensors.zeros, rows, layout.groups, layout.bits);
  return std::make_unique<PackedSource>(std::move(layout), *tensors.packed, *tensors.scales);
}

}  // namespace puna::engine
