#include "engine/checkpoint/sources/dense_source.h"

#include <cmath>
#include <cstring>
#include <span>

#include "engine/base/check.h"
#include "engine/checkpoint/files/checkpoint_fault.h"

namespace puna::engine {
namespace {

class DenseSource : public WeightSource {
 public:
  DenseSource(const Tensor& tensor, RowOrder order) : tensor_(tensor), order_(order) {}

  std::string name() const override { return tensor_.name; }
  int64_t rows() const override { return tensor_.shape[0]; }
  int64_t cols() const override { return tensor_.shape[1]; }
  Encoding encoding() const override { return tensor_.dtype == DType::kBf16 ? Encoding::kBf16 : Encoding::kFloat; }

  void ReadFloat(int64_t first, int64_t count, float* out) const override {
    PUNA_CHECK(first >= 0 && count >= 0 && first + count <= rows()) << name();
    for (int64_t r = 0; r < count; ++r) {
      float* row = out + r * cols();
      ReadFloats(tensor_, order_.InFile(first + r) * cols(), cols(), row);
      CheckFinite(first + r, row);
    }
  }

  void ReadBf16(int64_t first, int64_t count, bf16* out) const override {
    PUNA_CHECK(tensor_.dtype == DType::kBf16) << name();
    PUNA_CHECK(first >= 0 && count >= 0 && first + count <= rows()) << name();
    const auto row_bytes = static_cast<size_t>(cols()) * sizeof(bf16);
    for (int64_t r = 0; r < count; ++r) {
      bf16* row = out + r * cols();
      std::memcpy(row, tensor_.bytes.data() + static_cast<size_t>(order_.InFile(first + r)) * row_bytes, row_bytes);
      CheckFinite(first + r, row);
    }
  }

  int64_t file_bytes() const override { return static_cast<int64_t>(tensor_.bytes.size()); }
  void Prefetch() const override { tensor_.Prefetch(); }
  void Release() const override { tensor_.Release(); }

 private:
  template <typename T>
  void CheckFinite(int64_t row, const T* values) const {
    if (AllFinite(std::span(values, static_cast<size_t>(cols())))) return;
    for (int64_t c = 0; c < cols(); ++c) {
      const float value = AsFloat(values[c]);
      if (!std::isfinite(value)) ThrowNotFinite(tensor_.path(), tensor_.name, row, "weight", value);
    }
  }
  static float AsFloat(float value) { return value; }
  static float AsFloat(bf16 value) { return ToFloat(value); }

  Tensor tensor_;
  RowOrder order_;
};

}  // namespace

std::unique_ptr<WeightSource> MakeDenseSource(const Tensor& tensor, RowOrder order) {
  PUNA_CHECK(tensor.shape.size() == 2 && IsWeightFloat(tensor.dtype)) << tensor.name;
  return std::make_unique<DenseSource>(tensor, order);
}

}  // namespace puna::engine
