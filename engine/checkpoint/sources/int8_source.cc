#include "engine/checkpoint/sources/int8_source.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/sources/group_source.h"
#include "engine/checkpoint/sources/group_tensors.h"

namespace puna::engine {
namespace {

class Int8Source : public GroupSource {
 public:
  Int8Source(GroupLayout layout, const Int8Tensors& tensors, RowOrder order)
      : GroupSource(std::move(layout)),
        codes_(*tensors.codes),
        scales_(*tensors.scales),
        unit_(tensors.scale_unit),
        order_(order) {
    if (tensors.zeros != nullptr) zeros_ = *tensors.zeros;
  }

  int64_t file_bytes() const override { return static_cast<int64_t>(codes_.bytes.size() + scales_.bytes.size()); }
  void Prefetch() const override { codes_.Prefetch(); }
  void Release() const override {
    codes_.Release();
    scales_.Release();
  }

 protected:
  void ReadRaw(int64_t first, int64_t count, const GroupRows& out) const override {
    for (int64_t r = 0; r < count; ++r) {
      const int64_t row = order_.InFile(first + r);
      std::memcpy(out.codes + r * cols(), codes_.bytes.data() + row * cols(), static_cast<size_t>(cols()));
    }
    const bool nibbles = layout().form.code == GroupForm::Code::kInt4;
    if (nibbles) CheckNibbles(out.codes, count * cols());
    const auto middle = static_cast<uint8_t>(nibbles ? 8 : 128);
    for (int64_t i = 0; i < count * cols(); ++i) out.codes[i] = static_cast<uint8_t>(out.codes[i] + middle);
    ReadScales(first, count, out.scales);
    if (layout().form.base == GroupForm::Base::kZero) ReadZeros(first, count, middle, out.zeros);
  }

 private:
  int64_t ScaleRow(int64_t row) const { return ElementCount(scales_.shape) == 1 ? 0 : order_.InFile(row); }

  void ReadScales(int64_t first, int64_t count, float* scales) const {
    const int64_t groups = layout().groups;
    for (int64_t r = 0; r < count; ++r) ReadFloats(scales_, ScaleRow(first + r) * groups, groups, scales + r * groups);
    if (unit_ == 1) return;
    for (int64_t i = 0; i < count * groups; ++i) scales[i] *= unit_;
  }

  void ReadZeros(int64_t first, int64_t count, uint8_t middle, uint8_t* zeros) const {
    const int64_t groups = layout().groups;
    for (int64_t r = 0; r < count; ++r) {
      const std::byte* from = zeros_.bytes.data() + ScaleRow(first + r) * groups;
      for (int64_t g = 0; g < groups; ++g)
        zeros[r * groups + g] = static_cast<uint8_t>(static_cast<int>(from[g]) + middle);
    }
  }

  void CheckNibbles(const uint8_t* codes, int64_t count) const {
    int low = 0, high = 0;
    for (int64_t i = 0; i < count; ++i) {
      low = std::min<int>(low, static_cast<int8_t>(codes[i]));
      high = std::max<int>(high, static_cast<int8_t>(codes[i]));
    }
    if (low >= -8 && high <= 7) return;
    Throw({.path = codes_.path(),
           .item = Printable(codes_.name),
           .expected = "4-bit values from -8 to 7",
           .found = std::to_string(low < -8 ? low : high),
           .remedy = kDownloadAgain});
  }

  Tensor codes_, scales_, zeros_;
  float unit_;
  RowOrder order_;
};

bool AllZero(const Tensor& tensor) {
  return std::all_of(tensor.bytes.begin(), tensor.bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

std::unique_ptr<WeightSource> MakeInt8Source(const Int8Tensors& tensors, int bits, RowOrder order) {
  const Tensor& codes = *tensors.codes;
  CheckDType(codes, DType::kI8);
  GroupLayout layout{.path = codes.path(),
                     .name = codes.name,
                     .rows = codes.shape.at(0),
                     .cols = codes.shape.at(1),
                     .form = {},
                     .groups = 1,
                     .group_of = {}};
  layout.groups = GroupsOf(*tensors.scales, layout.rows, layout.cols);
  if (tensors.zeros != nullptr) {
    CheckDType(*tensors.zeros, DType::kI8);
    CheckShape(*tensors.zeros, tensors.scales->shape);
  }
  const bool zeros = tensors.zeros != nullptr && !AllZero(*tensors.zeros);
  const bool as_stored = tensors.scale_unit == 1;
  layout.form = {.code = bits == 4 ? GroupForm::Code::kInt4 : GroupForm::Code::kInt8,
                 .group = static_cast<int>(layout.cols / layout.groups),
                 .scale = as_stored ? ScaleKind(*tensors.scales) : GroupForm::Scale::kFloat,
                 .base = zeros ? GroupForm::Base::kZero : GroupForm::Base::kOffset};
  return std::make_unique<Int8Source>(std::move(layout), tensors, order);
}

}  // namespace puna::engine
