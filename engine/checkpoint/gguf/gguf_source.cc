#include "engine/checkpoint/gguf/gguf_source.h"

#include <utility>

#include "engine/base/check.h"
#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/gguf/gguf_blocks.h"
#include "engine/checkpoint/sources/dense_source.h"
#include "engine/checkpoint/sources/group_source.h"

namespace puna::engine {
namespace {

// `rows` further on, in arrays of so many entries a row; absent ones stay so.
template <typename T>
T* At(T* array, int64_t entries) {
  return array == nullptr ? nullptr : array + entries;
}

class GgufSource : public GroupSource {
 public:
  GgufSource(GroupLayout layout, const GgufTensor& tensor, const GgufType& type, RowOrder order)
      : GroupSource(std::move(layout)), tensor_(tensor), type_(type), order_(order) {}

  int64_t file_bytes() const override { return static_cast<int64_t>(tensor_.bytes.size()); }
  void Prefetch() const override { tensor_.file->Prefetch(tensor_.bytes); }
  void Release() const override { tensor_.file->Release(tensor_.bytes); }

 protected:
  void ReadRaw(int64_t first, int64_t count, const GroupRows& out) const override {
    const int64_t blocks = cols() / type_.block, groups = layout().groups;
    const int64_t row_bytes = blocks * static_cast<int64_t>(type_.bytes);
    for (int64_t r = 0; r < count; ++r) {
      type_.unpack(tensor_.bytes.data() + order_.InFile(first + r) * row_bytes, blocks,
                   {.codes = out.codes + r * cols(),
                    .scales = At(out.scales, r * blocks),
                    .minimums = At(out.minimums, r * blocks),
                    .sub_scales = At(out.sub_scales, r * groups),
                    .sub_minimums = At(out.sub_minimums, r * groups),
                    .zeros = nullptr});
    }
  }

 private:
  GgufTensor tensor_;
  const GgufType& type_;
  RowOrder order_;
};

}  // namespace

Tensor PlainGgufTensor(const GgufTensor& tensor) {
  if (tensor.type != kGgufF32 && tensor.type != kGgufF16 && tensor.type != kGgufBf16) {
    Throw({.path = tensor.file->path(),
           .item = Printable(tensor.name),
           .expected = "F32, F16 or BF16",
           .found = GgufTypeName(tensor.type),
           .remedy = "use another quantisation of this model"});
  }
  const DType dtype = tensor.type == kGgufF32 ? DType::kF32 : tensor.type == kGgufF16 ? DType::kF16 : DType::kBf16;
  return {.name = tensor.name, .dtype = dtype, .shape = tensor.shape, .bytes = tensor.bytes, .file = tensor.file};
}

std::unique_ptr<WeightSource> MakeGgufSource(const GgufTensor& tensor, RowOrder order) {
  PUNA_CHECK(tensor.shape.size() == 2) << tensor.name;
  const GgufType* type = FindGgufType(tensor.type);
  PUNA_CHECK(type != nullptr) << tensor.name;
  if (!type->form) return MakeDenseSource(PlainGgufTensor(tensor), order);
  GroupLayout layout{.path = tensor.file->path(),
                     .name = tensor.name,
                     .rows = tensor.shape[0],
                     .cols = tensor.shape[1],
                     .form = *type->form,
                     .groups = tensor.shape[1] / type->form->group,
                     .group_of = {}};
  return std::make_unique<GgufSource>(std::move(layout), tensor, *type, order);
}

}  // namespace puna::engine
