#include "engine/checkpoint/sources/transposed_source.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/sources/group_source.h"
#include "engine/checkpoint/sources/group_tensors.h"
#include "engine/checkpoint/sources/spread_bits.h"

namespace puna::engine {
namespace {

using Packing = TransposedTensors::Packing;

// Which nibble of an AWQ word holds output r of its eight.
constexpr int kAwqNibble[8] = {0, 4, 1, 5, 2, 6, 3, 7};

uint32_t WordAt(const Tensor& tensor, int64_t index) {
  uint32_t word;
  std::memcpy(&word, tensor.bytes.data() + 4 * index, 4);
  return word;
}

// The zero point of output r in group g.
uint8_t ZeroAt(const TransposedTensors& tensors, int bits, int64_t rows, int64_t g, int64_t r) {
  const int64_t per_word = 32 / bits;
  const auto place = static_cast<int>(r % per_word);
  const uint32_t word = WordAt(*tensors.qzeros, g * (rows / per_word) + r / per_word);
  const uint32_t stored = word >> bits * (tensors.packing == Packing::kAwq ? kAwqNibble[place] : place);
  return static_cast<uint8_t>((stored + (tensors.zero_minus_one ? 1 : 0)) & ((1u << bits) - 1));
}

class TransposedSource : public GroupSource {
 public:
  TransposedSource(GroupLayout layout, const TransposedTensors& tensors, int bits)
      : GroupSource(std::move(layout)),
        packing_(tensors.packing),
        zero_minus_one_(tensors.zero_minus_one),
        bits_(bits),
        qweight_(*tensors.qweight),
        qzeros_(*tensors.qzeros),
        scales_(*tensors.scales) {}

  int64_t file_bytes() const override {
    return static_cast<int64_t>(qweight_.bytes.size() + qzeros_.bytes.size() + scales_.bytes.size());
  }
  void Prefetch() const override {
    qweight_.Prefetch();
    scales_.Prefetch();
  }
  void Release() const override {
    qweight_.Release();
    scales_.Release();
  }

 protected:
  void ReadRaw(int64_t first, int64_t count, const GroupRows& out) const override {
    packing_ == Packing::kGptq ? ReadGptq(first, count, out.codes) : ReadAwq(first, count, out.codes);
    ReadScales(first, count, out.scales);
    if (layout().form.base == GroupForm::Base::kZero) ReadZeros(first, count, out.zeros);
  }

 private:
  void ReadGptq(int64_t first, int64_t count, uint8_t* codes) const {
    const int64_t per_word = 32 / bits_;
    for (int64_t k = 0; k < cols() / per_word; ++k) {
      const int64_t word = k * rows() + first;
      for (int64_t r = 0; r < count; ++r) {
        SpreadWord(WordAt(qweight_, word + r), bits_, codes + r * cols() + k * per_word);
      }
    }
  }

  // Words of eight outputs: eight inputs of them at a time, turned over.
  void ReadAwq(int64_t first, int64_t count, uint8_t* codes) const {
    const int64_t words = rows() / 8;
    for (int64_t word = first / 8; 8 * word < first + count; ++word) {
      const int64_t from = std::max(first, 8 * word), to = std::min(first + count, 8 * word + 8);
      for (int64_t c = 0; c < cols(); c += 8) {
        const auto n = static_cast<int>(std::min<int64_t>(8, cols() - c));
        uint64_t tile[8] = {};
        for (int i = 0; i < n; ++i) tile[i] = SpreadNibbles(WordAt(qweight_, (c + i) * words + word));
        TransposeBytes(tile);
        for (int64_t r = from; r < to; ++r) {
          std::memcpy(codes + (r - first) * cols() + c, &tile[kAwqNibble[r % 8]], static_cast<size_t>(n));
        }
      }
    }
  }

  void ReadScales(int64_t first, int64_t count, float* scales) const {
    const int64_t groups = layout().groups;
    std::vector<float> line(static_cast<size_t>(count));
    for (int64_t g = 0; g < groups; ++g) {
      ReadFloats(scales_, g * rows() + first, count, line.data());
      for (int64_t r = 0; r < count; ++r) scales[r * groups + g] = line[static_cast<size_t>(r)];
    }
  }

  void ReadZeros(int64_t first, int64_t count, uint8_t* zeros) const {
    const TransposedTensors tensors{.packing = packing_, .qzeros = &qzeros_, .zero_minus_one = zero_minus_one_};
    const int64_t groups = layout().groups;
    for (int64_t g = 0; g < groups; ++g) {
      for (int64_t r = 0; r < count; ++r) zeros[r * groups + g] = ZeroAt(tensors, bits_, rows(), g, first + r);
    }
  }

  Packing packing_;
  bool zero_minus_one_;
  int bits_;
  Tensor qweight_, qzeros_, scales_;
};

// From the shape: [in * bits / 32, out], or AWQ's [in, out / 8].
int BitsOf(const TransposedTensors& tensors, int64_t rows, int64_t cols) {
  const Tensor& qweight = *tensors.qweight;
  CheckDType(qweight, DType::kI32);
  if (tensors.packing == Packing::kAwq) {
    CheckShape(qweight, {cols, rows / 8});
    return 4;
  }
  for (const int bits : {2, 4, 8}) {
    if (qweight.shape == std::vector{cols * bits / 32, rows} && cols * bits % 32 == 0) return bits;
  }
  if (qweight.shape == std::vector{cols * 3 / 32, rows} && cols * 3 % 32 == 0) {
    Throw({.path = qweight.path(),
           .item = Printable(qweight.name),
           .expected = "2, 4 or 8 bits",
           .found = "3 bits, packed across words",
           .remedy = "use a GPTQ of this model with 4 bits, or its Q3_K_M or Q4_K_M as GGUF"});
  }
  CheckShape(qweight, {cols / 8, rows});
  return 4;
}

void CheckDivisible(const Tensor& tensor, const char* what, int64_t n, int64_t by) {
  if (n % by == 0) return;
  Throw({.path = tensor.path(),
         .item = Printable(tensor.name),
         .expected = std::string(what) + " that are a multiple of " + std::to_string(by),
         .found = std::to_string(n),
         .remedy = "use another quantisation of this model"});
}

bool AllZerosInTheMiddle(const TransposedTensors& tensors, int bits, int64_t rows, int64_t groups) {
  const uint8_t middle = static_cast<uint8_t>(1 << (bits - 1));
  for (int64_t g = 0; g < groups; ++g) {
    for (int64_t r = 0; r < rows; ++r) {
      if (ZeroAt(tensors, bits, rows, g, r) != middle) return false;
    }
  }
  return true;
}

// Codes of 2 bits are held in 4, around a zero point of their own.
GroupForm FormOf(const TransposedTensors& tensors, int bits, int64_t rows, int64_t groups) {
  const bool symmetric = bits != 2 && AllZerosInTheMiddle(tensors, bits, rows, groups);
  return {.code = bits == 8 ? GroupForm::Code::kInt8 : GroupForm::Code::kInt4,
          .scale = ScaleKind(*tensors.scales),
          .base = symmetric ? GroupForm::Base::kOffset : GroupForm::Base::kZero};
}

}  // namespace

std::unique_ptr<WeightSource> MakeTransposedSource(const TransposedTensors& tensors, int64_t rows, int64_t cols,
                                                   int64_t group_size) {
  const Tensor& qweight = *tensors.qweight;
  const int bits = BitsOf(tensors, rows, cols);
  CheckDivisible(qweight, "outputs", rows, 32 / bits);
  if (tensors.packing == Packing::kGptq) CheckDivisible(qweight, "inputs", cols, 32 / bits);
  const int64_t size = group_size == 0 ? cols : group_size;
  const int64_t groups = (cols + size - 1) / size;
  CheckShape(*tensors.scales, {groups, rows});
  CheckWeightFloat(*tensors.scales);
  CheckDType(*tensors.qzeros, DType::kI32);
  CheckShape(*tensors.qzeros, {groups, rows * bits / 32});
  GroupLayout layout{.path = qweight.path(),
                     .name = qweight.name,
                     .rows = rows,
                     .cols = cols,
                     .form = FormOf(tensors, bits, rows, groups),
                     .groups = groups,
                     .group_of = {}};
  layout.form.group = static_cast<int>(size);
  if (tensors.g_idx != nullptr) layout.group_of = ReadGroupIndex(*tensors.g_idx, cols, groups);
  return std::make_unique<TransposedSource>(std::move(layout), tensors, bits);
}

}  // namespace puna::engine
