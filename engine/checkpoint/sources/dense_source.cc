#include "engine/checkpoint/sources/dense_source.h"

#include <cstring>

#include "engine/base/check.h"

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
    if (order_.natural()) return ReadFloats(tensor_, first * cols(), count * cols(), out);
    for (int64_t r = 0; r < count; ++r) {
      ReadFloats(tensor_, order_.InFile(first + r) * cols(), cols(), out + r * cols());
    }
  }

  void ReadBf16(int64_t first, int64_t count, bf16* out) const override {
    PUNA_CHECK(tensor_.dtype == DType::kBf16) << name();
    PUNA_CHECK(first >= 0 && count >= 0 && first + count <= rows()) << name();
    const auto row_bytes = static_cast<size_t>(cols()) * sizeof(bf16);
    const auto copy = [&](int64_t row, size_t n, bf16* to) {
      std::memcpy(to, tensor_.bytes.data() + static_cast<size_t>(row) * row_bytes, n * row_bytes);
    };
    if (order_.natural()) return copy(first, static_cast<size_t>(count), out);
    for (int64_t r = 0; r < count; ++r) copy(order_.InFile(first + r), 1, out + r * cols());
  }

  void Release() const override { tensor_.Release(); }

 private:
  Tensor tensor_;
  RowOrder order_;
};

}  // namespace

std::unique_ptr<WeightSource> MakeDenseSource(const Tensor& tensor, RowOrder order) {
  PUNA_CHECK(tensor.shape.size() == 2 && IsWeightFloat(tensor.dtype)) << tensor.name;
  return std::make_unique<DenseSource>(tensor, order);
}

}  // namespace puna::engine
