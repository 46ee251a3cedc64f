#include "engine/checkpoint/sources/transposed_source.h"

#include <cstring>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/sources/packed_source.h"
#include "engine/checkpoint/sources/quantized_source.h"

namespace puna::engine {
namespace {

using Packing = TransposedTensors::Packing;

// Which nibble of a word of eight outputs holds output r.
int NibbleOf(Packing packing, int64_t r) {
  constexpr int kAwqNibble[8] = {0, 4, 1, 5, 2, 6, 3, 7};
  return packing == Packing::kAwq ? kAwqNibble[r % 8] : static_cast<int>(r % 8);
}

uint32_t WordAt(const Tensor& tensor, int64_t index) {
  uint32_t word;
  std::memcpy(&word, tensor.bytes.data() + 4 * index, 4);
  return word;
}

class TransposedSource : public QuantizedSource {
 public:
  TransposedSource(QuantizedLayout layout, const TransposedTensors& tensors)
      : QuantizedSource(std::move(layout)),
        packing_(tensors.packing),
        qweight_(*tensors.qweight),
        scales_(*tensors.scales) {}

  void Release() const override {
    qweight_.Release();
    scales_.Release();
  }

 protected:
  void ReadRawCodes(int64_t first, int64_t count, int8_t* codes) const override {
    packing_ == Packing::kGptq ? ReadGptq(first, count, codes) : ReadAwq(first, count, codes);
  }
  void ReadScales(int64_t first, int64_t count, float* scales) const override {
    const int64_t groups = layout().groups;
    std::vector<float> line(static_cast<size_t>(count));
    for (int64_t g = 0; g < groups; ++g) {
      ReadFloats(scales_, g * rows() + first, count, line.data());
      for (int64_t r = 0; r < count; ++r) scales[r * groups + g] = line[static_cast<size_t>(r)];
    }
  }

 private:
  void ReadGptq(int64_t first, int64_t count, int8_t* codes) const {
    for (int64_t k = 0; k < cols() / 8; ++k) {
      for (int64_t r = 0; r < count; ++r) {
        const uint32_t word = WordAt(qweight_, k * rows() + first + r);
        for (int i = 0; i < 8; ++i) codes[r * cols() + 8 * k + i] = Nibble(word, i);
      }
    }
  }
  void ReadAwq(int64_t first, int64_t count, int8_t* codes) const {
    const int64_t words = rows() / 8;
    for (int64_t c = 0; c < cols(); ++c) {
      for (int64_t r = 0; r < count; ++r) {
        const uint32_t word = WordAt(qweight_, c * words + (first + r) / 8);
        codes[r * cols() + c] = Nibble(word, NibbleOf(Packing::kAwq, first + r));
      }
    }
  }

  Packing packing_;
  Tensor qweight_;
  Tensor scales_;
};

std::vector<int8_t> ReadZeros(const TransposedTensors& tensors, int64_t rows, int64_t groups) {
  CheckDType(*tensors.qzeros, DType::kI32);
  CheckShape(*tensors.qzeros, {groups, rows / 8});
  const uint32_t add = tensors.zero_minus_one ? 1 : 0;
  std::vector<int8_t> zeros(static_cast<size_t>(rows * groups));
  for (int64_t g = 0; g < groups; ++g) {
    for (int64_t r = 0; r < rows; ++r) {
      const uint32_t word = WordAt(*tensors.qzeros, g * (rows / 8) + r / 8);
      const uint32_t stored = word >> (4 * NibbleOf(tensors.packing, r));
      zeros[static_cast<size_t>(r * groups + g)] = Nibble(stored + add, 0);
    }
  }
  return zeros;
}

void CheckDivisible(const Tensor& tensor, const char* what, int64_t n) {
  if (n % 8 == 0) return;
  Throw({.path = tensor.path(),
         .item = Printable(tensor.name),
         .expected = std::string(what) + " that are a multiple of 8",
         .found = std::to_string(n),
         .remedy = "use another quantisation of this model"});
}

}  // namespace

std::unique_ptr<WeightSource> MakeTransposedSource(const TransposedTensors& tensors, int64_t rows, int64_t cols,
                                                   int64_t group_size) {
  const bool gptq = tensors.packing == Packing::kGptq;
  CheckDivisible(*tensors.qweight, "outputs", rows);
  if (gptq) CheckDivisible(*tensors.qweight, "inputs", cols);
  CheckDType(*tensors.qweight, DType::kI32);
  CheckShape(*tensors.qweight, gptq ? std::vector{cols / 8, rows} : std::vector{cols, rows / 8});
  const int64_t size = group_size == 0 ? cols : group_size;
  const int64_t groups = (cols + size - 1) / size;
  CheckShape(*tensors.scales, {groups, rows});
  CheckWeightFloat(*tensors.scales);
  QuantizedLayout layout{.name = tensors.qweight->name,
                         .rows = rows,
                         .cols = cols,
                         .groups = groups,
                         .bits = 4,
                         .group_of = {},
                         .zeros = {}};
  if (tensors.g_idx != nullptr) {
    layout.group_of = ReadGroupIndex(*tensors.g_idx, cols, groups);
  } else if (cols % groups != 0 || cols / groups != size) {
    for (int64_t c = 0; c < cols; ++c) layout.group_of.push_back(static_cast<int32_t>(c / size));
  }
  layout.zeros = ReadZeros(tensors, rows, groups);
  return std::make_unique<TransposedSource>(std::move(layout), tensors);
}

}  // namespace puna::engine
