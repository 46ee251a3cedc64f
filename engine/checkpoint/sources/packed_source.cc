#include "engine/checkpoint/sources/packed_source.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/sources/group_source.h"
#include "engine/checkpoint/sources/group_tensors.h"
#include "engine/checkpoint/sources/spread_bits.h"

namespace puna::engine {
namespace {

// Eight codes are `bits` bytes, whatever the bits.
void UnpackEight(const std::byte* from, int bits, size_t bytes, uint8_t* codes, size_t count) {
  uint64_t stream = 0;
  std::memcpy(&stream, from, bytes);
  const uint64_t mask = (uint64_t{1} << bits) - 1;
  for (size_t i = 0; i < count; ++i) codes[i] = static_cast<uint8_t>(stream >> (static_cast<int>(i) * bits) & mask);
}

void Unpack(const std::byte* from, int bits, int64_t count, uint8_t* codes) {
  if (bits == 8) {
    std::memcpy(codes, from, static_cast<size_t>(count));
    return;
  }
  const int64_t whole = count / 8;
  for (int64_t i = 0; i < whole; ++i) {
    const std::byte* at = from + i * bits;
    if (bits == 4) {
      uint32_t word;
      std::memcpy(&word, at, 4);
      SpreadWord(word, 4, codes + 8 * i);
    } else {
      UnpackEight(at, bits, static_cast<size_t>(bits), codes + 8 * i, 8);
    }
  }
  const int64_t left = count - 8 * whole;
  if (left > 0) {
    const auto bytes = static_cast<size_t>((left * bits + 7) / 8);
    UnpackEight(from + whole * bits, bits, bytes, codes + 8 * whole, static_cast<size_t>(left));
  }
}

class PackedSource : public GroupSource {
 public:
  PackedSource(GroupLayout layout, const PackedTensors& tensors, int bits)
      : GroupSource(std::move(layout)),
        bits_(bits),
        packed_(*tensors.packed),
        scales_(*tensors.scales),
        zeros_packing_(tensors.zeros_packing) {
    if (tensors.minimums != nullptr) minimums_ = *tensors.minimums;
    if (tensors.zeros != nullptr) zeros_ = *tensors.zeros;
  }

  int64_t file_bytes() const override {
    return static_cast<int64_t>(packed_.bytes.size() + scales_.bytes.size() + minimums_.bytes.size() +
                                zeros_.bytes.size());
  }
  void Prefetch() const override { packed_.Prefetch(); }
  void Release() const override {
    packed_.Release();
    scales_.Release();
  }

 protected:
  void ReadRaw(int64_t first, int64_t count, const GroupRows& out) const override {
    const int64_t row_bytes = packed_.shape[1] * 4;
    for (int64_t r = 0; r < count; ++r) {
      Unpack(packed_.bytes.data() + (first + r) * row_bytes, bits_, cols(), out.codes + r * cols());
    }
    ReadNumbers(scales_, first, count, out.scales);
    if (layout().form.base == GroupForm::Base::kMinimum) ReadNumbers(minimums_, first, count, out.minimums);
    if (layout().form.base == GroupForm::Base::kZero) ReadZeros(first, count, out.zeros);
  }

 private:
  void ReadNumbers(const Tensor& tensor, int64_t first, int64_t count, float* out) const {
    const int64_t groups = layout().groups;
    const int64_t width = tensor.shape.size() < 2 ? 1 : tensor.shape[1];
    const bool shared = ElementCount(tensor.shape) == 1;
    for (int64_t r = 0; r < count; ++r) ReadFloats(tensor, shared ? 0 : (first + r) * width, groups, out + r * groups);
  }

  void ReadZeros(int64_t first, int64_t count, uint8_t* out) const {
    const int64_t groups = layout().groups, width = zeros_.shape[1], per_word = 32 / bits_;
    const bool along_rows = zeros_packing_ == PackedTensors::Zeros::kAlongRows;
    for (int64_t r = first; r < first + count; ++r) {
      for (int64_t g = 0; g < groups; ++g) {
        const int64_t at = along_rows ? r / per_word * width + g : r * width + g / per_word;
        uint32_t word;
        std::memcpy(&word, zeros_.bytes.data() + 4 * at, 4);
        const int64_t place = (along_rows ? r : g) % per_word;
        out[(r - first) * groups + g] = static_cast<uint8_t>(word >> (bits_ * place) & ((1u << bits_) - 1));
      }
    }
  }

  int bits_;
  Tensor packed_, scales_, minimums_, zeros_;
  PackedTensors::Zeros zeros_packing_;
};

int64_t Words(int64_t count, int bits) { return (count * bits + 31) / 32; }

int BitsOf(const Tensor& packed, int64_t rows, int64_t cols) {
  if (packed.dtype != DType::kU32) CheckDType(packed, DType::kI32);
  for (const int bits : {4, 8, 2, 3, 5, 6}) {
    if (packed.shape == std::vector<int64_t>{rows, Words(cols, bits)}) return bits;
  }
  CheckShape(packed, {rows, Words(cols, 4)});
  return 4;
}

void CheckZeros(const PackedTensors& tensors, int bits, int64_t rows, int64_t groups) {
  const Tensor& zeros = *tensors.zeros;
  CheckDType(zeros, DType::kI32);
  if (tensors.zeros_packing == PackedTensors::Zeros::kAlongRows) {
    CheckShape(zeros, {Words(rows, bits), groups});
  } else if (zeros.shape.size() != 2 || zeros.shape[0] != rows || zeros.shape[1] < Words(groups, bits)) {
    CheckShape(zeros, {rows, Words(groups, bits)});
  }
}

using Code = GroupForm::Code;
using Base = GroupForm::Base;
using Scale = GroupForm::Scale;

Code CodeOf(int bits) {
  return bits == 8 ? Code::kInt8 : bits == 6 ? Code::kInt6 : bits == 5 ? Code::kInt5 : Code::kInt4;
}

GroupForm FormOf(const PackedTensors& tensors, int bits) {
  GroupForm form{.code = CodeOf(bits), .scale = ScaleKind(*tensors.scales), .base = Base::kOffset};
  if (tensors.zeros != nullptr) form.base = Base::kZero;
  if (tensors.minimums != nullptr) form.base = Base::kMinimum;
  if (tensors.minimums != nullptr && ScaleKind(*tensors.minimums) == Scale::kFloat) form.scale = Scale::kFloat;
  return form;
}

// Codes of 2 and 3 bits are held in 4, whose middle is another.
void CheckMiddle(const PackedTensors& tensors, int bits) {
  if (bits > 3 || tensors.zeros != nullptr || tensors.minimums != nullptr) return;
  Throw({.path = tensors.packed->path(),
         .item = Printable(tensors.packed->name),
         .expected = "4 or 8 bits",
         .found = std::to_string(bits),
         .remedy = "use a quantisation of this model with 4 or 8 bits"});
}

}  // namespace

std::unique_ptr<WeightSource> MakePackedSource(const PackedTensors& tensors, int64_t rows, int64_t cols,
                                               int64_t groups) {
  const Tensor& packed = *tensors.packed;
  const int bits = BitsOf(packed, rows, cols);
  CheckMiddle(tensors, bits);
  const int64_t stated = groups == 0 ? GroupsOf(*tensors.scales, rows, cols) : groups;
  if (tensors.minimums != nullptr) CheckShape(*tensors.minimums, tensors.scales->shape);
  if (tensors.minimums != nullptr) CheckWeightFloat(*tensors.minimums);
  if (tensors.zeros != nullptr) CheckZeros(tensors, bits, rows, stated);
  GroupLayout layout{.path = packed.path(),
                     .name = packed.name,
                     .rows = rows,
                     .cols = cols,
                     .form = FormOf(tensors, bits),
                     .groups = stated,
                     .group_of = {}};
  layout.form.group = static_cast<int>(cols / stated);
  if (tensors.g_idx != nullptr) layout.group_of = ReadGroupIndex(*tensors.g_idx, cols, stated);
  return std::make_unique<PackedSource>(std::move(layout), tensors, bits);
}

}  // namespace puna::engine
