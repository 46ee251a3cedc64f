#include "engine/checkpoint/gguf/gguf_source.h"

#include "engine/base/check.h"
#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/files/tensor.h"
#include "engine/checkpoint/gguf/gguf_blocks.h"
#include "engine/checkpoint/sources/dense_source.h"

namespace puna::engine {
namespace {

class GgufSource : public WeightSource {
 public:
  GgufSource(const GgufTensor& tensor, const std::shared_ptr<const MappedFile>& file, RowOrder order)
      : tensor_(tensor), file_(file), order_(order), type_(*FindGgufType(tensor.type)) {}

  std::string name() const override { return tensor_.name; }
  int64_t rows() const override { return tensor_.shape[0]; }
  int64_t cols() const override { return tensor_.shape[1]; }
  Encoding encoding() const override { return type_.type == kGgufQ4_0 ? Encoding::kInt4 : Encoding::kFloat; }
  int64_t group_size() const override { return type_.type == kGgufQ4_0 ? type_.block : cols(); }

  void ReadFloat(int64_t first, int64_t count, float* out) const override {
    PUNA_CHECK(first >= 0 && count >= 0 && first + count <= rows()) << name();
    for (int64_t r = 0; r < count; ++r) {
      DequantizeGguf(type_.type, Row(first + r), cols() / type_.block, out + r * cols());
    }
  }

  void ReadCodes(int64_t first, int64_t count, int8_t* codes, float* scales) const override {
    PUNA_CHECK(type_.type == kGgufQ4_0 && first >= 0 && count >= 0 && first + count <= rows()) << name();
    const int64_t blocks = cols() / type_.block;
    for (int64_t r = 0; r < count; ++r) {
      const std::byte* row = Row(first + r);
      for (int64_t b = 0; b < blocks; ++b) {
        ReadQ4_0(row + b * static_cast<int64_t>(type_.bytes), codes + r * cols() + b * type_.block,
                 scales + r * blocks + b);
      }
    }
  }

  void Release() const override { file_->Release(tensor_.bytes); }

 private:
  const std::byte* Row(int64_t row) const {
    return tensor_.bytes.data() + order_.InFile(row) * (cols() / type_.block) * static_cast<int64_t>(type_.bytes);
  }

  GgufTensor tensor_;
  std::shared_ptr<const MappedFile> file_;
  RowOrder order_;
  GgufType type_;
};

}  // namespace

Tensor PlainGgufTensor(const GgufTensor& tensor, const std::shared_ptr<const MappedFile>& file) {
  if (tensor.type != kGgufF32 && tensor.type != kGgufF16 && tensor.type != kGgufBf16) {
    Throw({.path = file->path(),
           .item = Printable(tensor.name),
           .expected = "F32, F16 or BF16",
           .found = FindGgufType(tensor.type)->name,
           .remedy = "use another quantisation of this model"});
  }
  const DType dtype = tensor.type == kGgufF32 ? DType::kF32 : tensor.type == kGgufF16 ? DType::kF16 : DType::kBf16;
  return {.name = tensor.name, .dtype = dtype, .shape = tensor.shape, .bytes = tensor.bytes, .file = file};
}

std::unique_ptr<WeightSource> MakeGgufSource(const GgufTensor& tensor, const std::shared_ptr<const MappedFile>& file,
                                             RowOrder order) {
  PUNA_CHECK(tensor.shape.size() == 2) << tensor.name;
  const GgufType* type = FindGgufType(tensor.type);
  PUNA_CHECK(type != nullptr) << tensor.name;
  if (type->block == 1) return MakeDenseSource(PlainGgufTensor(tensor, file), order);
  return std::make_unique<GgufSource>(tensor, file, order);
}

}  // namespace puna::engine
