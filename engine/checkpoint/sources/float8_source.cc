#include "engine/checkpoint/sources/float8_source.h"

#include <cstring>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/sources/group_source.h"
#include "engine/checkpoint/sources/group_tensors.h"

namespace puna::engine {
namespace {

class Float8Source : public GroupSource {
 public:
  // rows_per_scale: 0: all.
  Float8Source(GroupLayout layout, const Tensor& codes, const Tensor& scales, int64_t rows_per_scale)
      : GroupSource(std::move(layout)), codes_(codes), scales_(scales), rows_per_scale_(rows_per_scale) {}

  int64_t file_bytes() const override { return static_cast<int64_t>(codes_.bytes.size() + scales_.bytes.size()); }
  void Prefetch() const override { codes_.Prefetch(); }
  void Release() const override { codes_.Release(); }

 protected:
  void ReadRaw(int64_t first, int64_t count, const GroupRows& out) const override {
    std::memcpy(out.codes, codes_.bytes.data() + first * cols(), static_cast<size_t>(count * cols()));
    const int64_t groups = layout().groups;
    for (int64_t r = 0; r < count; ++r) {
      const int64_t line = rows_per_scale_ == 0 ? 0 : (first + r) / rows_per_scale_;
      ReadFloats(scales_, line * groups, groups, out.scales + r * groups);
    }
  }

 private:
  Tensor codes_, scales_;
  int64_t rows_per_scale_;
};

}  // namespace

std::unique_ptr<WeightSource> MakeFloat8Source(const Tensor& codes, const Tensor& scales, int64_t block_rows,
                                               int64_t block_cols) {
  CheckDType(codes, DType::kF8E4M3);
  CheckWeightFloat(scales);
  const int64_t rows = codes.shape.at(0), cols = codes.shape.at(1);
  GroupLayout layout{.path = codes.path(), .name = codes.name, .rows = rows, .cols = cols};
  layout.form = {.code = GroupForm::Code::kE4M3, .group = 0, .scale = ScaleKind(scales)};
  if (ElementCount(scales.shape) == 1) return std::make_unique<Float8Source>(std::move(layout), codes, scales, 0);
  if (scales.shape == std::vector{rows} || scales.shape == std::vector<int64_t>{rows, 1}) {
    return std::make_unique<Float8Source>(std::move(layout), codes, scales, 1);
  }
  layout.groups = (cols + block_cols - 1) / block_cols;
  layout.form.group = static_cast<int>(block_cols);
  CheckShape(scales, {(rows + block_rows - 1) / block_rows, layout.groups});
  return std::make_unique<Float8Source>(std::move(layout), codes, scales, block_rows);
}

}  // namespace puna::engine
