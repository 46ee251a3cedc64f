#include "engine/checkpoint/sources/int8_source.h"

#include <algorithm>
#include <cstring>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/sources/quantized_source.h"

namespace puna::engine {
namespace {

class Int8Source : public QuantizedSource {
 public:
  Int8Source(QuantizedLayout layout, const Tensor& codes, const Tensor& scales, RowOrder order)
      : QuantizedSource(std::move(layout)), codes_(codes), scales_(scales), order_(order) {}

  void Release() const override {
    codes_.Release();
    scales_.Release();
  }

 protected:
  void ReadRawCodes(int64_t first, int64_t count, int8_t* codes) const override {
    const auto width = static_cast<size_t>(cols());
    const auto copy = [&](int64_t row, size_t n, int8_t* to) {
      std::memcpy(to, codes_.bytes.data() + static_cast<size_t>(row) * width, n * width);
    };
    if (order_.natural()) {
      copy(first, static_cast<size_t>(count), codes);
    } else {
      for (int64_t r = 0; r < count; ++r) copy(order_.InFile(first + r), 1, codes + r * cols());
    }
    if (layout().bits == 4) CheckNibbles(codes, count * cols());
  }

  void ReadScales(int64_t first, int64_t count, float* scales) const override {
    const int64_t groups = layout().groups;
    const bool shared = ElementCount(scales_.shape) == 1;
    for (int64_t r = 0; r < count; ++r) {
      const int64_t row = shared ? 0 : order_.InFile(first + r);
      ReadFloats(scales_, row * groups, groups, scales + r * groups);
    }
  }

 private:
  void CheckNibbles(const int8_t* codes, int64_t count) const {
    int low = 0, high = 0;
    for (int64_t i = 0; i < count; ++i) {
      low = std::min<int>(low, codes[i]);
      high = std::max<int>(high, codes[i]);
    }
    if (low >= -8 && high <= 7) return;
    Throw({.path = codes_.path(),
           .item = Printable(codes_.name),
           .expected = "4-bit values from -8 to 7",
           .found = std::to_string(low < -8 ? low : high),
           .remedy = kDownloadAgain});
  }

  Tensor codes_;
  Tensor scales_;
  RowOrder order_;
};

std::vector<int8_t> ReadZeros(const Tensor& zeros, const Tensor& scales, int64_t rows, int64_t groups) {
  CheckDType(zeros, DType::kI8);
  CheckShape(zeros, scales.shape);
  std::vector<int8_t> out(static_cast<size_t>(rows * groups));
  if (zeros.bytes.size() == 1) {
    std::fill(out.begin(), out.end(), static_cast<int8_t>(zeros.bytes[0]));
  } else {
    std::memcpy(out.data(), zeros.bytes.data(), out.size());
  }
  return out;
}

}  // namespace

int64_t GroupsOf(const Tensor& scales, int64_t rows, int64_t cols) {
  CheckWeightFloat(scales);
  const std::vector<int64_t>& shape = scales.shape;
  if (shape.size() <= 1 && (ElementCount(shape) == rows || ElementCount(shape) == 1)) return 1;
  if (shape.size() == 2 && shape[0] == rows && shape[1] > 0 && shape[1] <= cols && cols % shape[1] == 0) {
    return shape[1];
  }
  Throw({.path = scales.path(),
         .item = Printable(scales.name),
         .expected = "[" + std::to_string(rows) + ", n] with n a divisor of " + std::to_string(cols),
         .found = ShapeText(shape),
         .remedy = "the file does not belong to this configuration: download the whole model again"});
}

std::unique_ptr<WeightSource> MakeInt8Source(const Tensor& codes, const Tensor& scales, const Tensor* zeros, int bits,
                                             RowOrder order) {
  CheckDType(codes, DType::kI8);
  QuantizedLayout layout{.name = codes.name,
                         .rows = codes.shape.at(0),
                         .cols = codes.shape.at(1),
                         .groups = 1,
                         .bits = bits,
                         .group_of = {},
                         .zeros = {}};
  layout.groups = GroupsOf(scales, layout.rows, layout.cols);
  if (zeros != nullptr) layout.zeros = ReadZeros(*zeros, scales, layout.rows, layout.groups);
  return std::make_unique<Int8Source>(std::move(layout), codes, scales, order);
}

}  // namespace puna::engine
