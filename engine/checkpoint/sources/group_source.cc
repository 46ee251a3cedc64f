#include "engine/checkpoint/sources/group_source.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/float8.h"
#include "engine/checkpoint/files/checkpoint_fault.h"

namespace puna::engine {
namespace {

constexpr int64_t kSuper = 256;  // columns that share the upper scale of two

bool TwoLevel(const GroupForm& form) { return form.scale == GroupForm::Scale::kTwoLevel; }

// Scales of one row: its groups', or with two levels those above them.
int64_t ScalesPerRow(const GroupLayout& layout) { return TwoLevel(layout.form) ? layout.cols / kSuper : layout.groups; }

// Group by group, as far as a group's columns lie side by side.
bool IsNatural(const GroupLayout& layout) {
  for (size_t c = 0; c < layout.group_of.size(); ++c) {
    if (layout.group_of[c] != static_cast<int64_t>(c) / layout.form.group) return false;
  }
  return true;
}

std::vector<int32_t> SortedByGroup(const std::vector<int32_t>& group_of) {
  std::vector<int32_t> order(group_of.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return group_of[static_cast<size_t>(a)] < group_of[static_cast<size_t>(b)];
  });
  return order;
}

// A code's number before the scale.
float NumberOf(const GroupForm& form, int code) {
  switch (form.code) {
    case GroupForm::Code::kIq4:
      return kIq4Table[code & 15];
    case GroupForm::Code::kNf4:
      return kNf4Table[code & 15];
    case GroupForm::Code::kE4M3:
      return Float8Value(static_cast<uint8_t>(code));
    default:
      return static_cast<float>(code - (form.base == GroupForm::Base::kOffset ? CodeOffset(form.code) : 0));
  }
}

std::array<float, 256> NumbersOf(const GroupForm& form) {
  std::array<float, 256> numbers;
  for (size_t code = 0; code < numbers.size(); ++code) numbers[code] = NumberOf(form, static_cast<int>(code));
  return numbers;
}

// What the columns of a group share.
struct Line {
  float scale = 0;
  float zero = 0;
  float minimum = 0;
};

Line LineOf(const GroupLayout& layout, const GroupRows& rows, int64_t row, int64_t g) {
  const int64_t at = row * layout.groups + g;
  const int64_t scale_at = TwoLevel(layout.form) ? row * ScalesPerRow(layout) + g * layout.form.group / kSuper : at;
  Line line{.scale = rows.scales[scale_at]};
  if (TwoLevel(layout.form)) line.scale *= static_cast<float>(rows.sub_scales[at]);
  if (layout.form.base == GroupForm::Base::kZero) line.zero = rows.zeros[at];
  if (layout.form.base == GroupForm::Base::kMinimum) {
    line.minimum = rows.minimums[scale_at];
    if (TwoLevel(layout.form)) line.minimum *= static_cast<float>(rows.sub_minimums[at]);
  }
  return line;
}

void CheckFinite(const GroupLayout& layout, int64_t first, int64_t count, int64_t per_row, const float* values,
                 const char* what) {
  for (int64_t i = 0; i < count * per_row; ++i) {
    if (std::isfinite(values[i])) continue;
    ThrowNotFinite(layout.path, layout.name, first + i / per_row, what, values[i]);
  }
}

// The codes of NaN.
void CheckFloat8(const GroupLayout& layout, int64_t first, int64_t count, const uint8_t* codes) {
  const uint8_t* end = codes + count * layout.cols;
  const uint8_t* bad = std::find_if(codes, end, [](uint8_t code) { return (code & 127) == 127; });
  if (bad != end) ThrowNotFinite(layout.path, layout.name, first + (bad - codes) / layout.cols, "weight", NAN);
}

}  // namespace

GroupBuffer::GroupBuffer(const GroupLayout& layout, int64_t rows)
    : codes_(static_cast<size_t>(rows * layout.cols)),
      zeros_(static_cast<size_t>(rows * layout.groups)),
      scales_(static_cast<size_t>(rows * ScalesPerRow(layout))),
      minimums_(scales_.size()),
      sub_scales_(zeros_.size()),
      sub_minimums_(zeros_.size()) {
  rows_ = {.codes = codes_.data(),
           .scales = scales_.data(),
           .minimums = minimums_.data(),
           .sub_scales = sub_scales_.data(),
           .sub_minimums = sub_minimums_.data(),
           .zeros = zeros_.data()};
}

GroupSource::GroupSource(GroupLayout layout) : layout_(std::move(layout)) {
  GroupForm& form = layout_.form;
  if (form.group == 0) form.group = static_cast<int>(layout_.cols);
  if (IsNatural(layout_)) layout_.group_of.clear();
  regular_ = layout_.cols == layout_.groups * form.group;
  if (!layout_.group_of.empty()) {
    PUNA_CHECK(layout_.group_of.size() == static_cast<size_t>(layout_.cols)) << layout_.name;
    std::vector<int64_t> sizes(static_cast<size_t>(layout_.groups));
    for (const int32_t g : layout_.group_of) ++sizes[static_cast<size_t>(g)];
    regular_ = regular_ && std::all_of(sizes.begin(), sizes.end(), [&](int64_t n) { return n == form.group; });
    if (regular_) order_ = SortedByGroup(layout_.group_of);
  }
  const bool plain = layout_.group_of.empty() && regular_ && form.base == GroupForm::Base::kOffset && !TwoLevel(form);
  if (plain && form.code == GroupForm::Code::kInt4) encoding_ = Encoding::kInt4;
  if (plain && form.code == GroupForm::Code::kInt8 && layout_.groups == 1) encoding_ = Encoding::kInt8;
}

std::optional<GroupForm> GroupSource::groups() const {
  if (!regular_) return std::nullopt;
  return layout_.form;
}

void GroupSource::ReadChecked(int64_t first, int64_t count, const GroupRows& out) const {
  PUNA_CHECK(first >= 0 && count >= 0 && first + count <= rows()) << name();
  ReadRaw(first, count, out);
  const int64_t per_row = ScalesPerRow(layout_);
  CheckFinite(layout_, first, count, per_row, out.scales, "scale");
  if (layout_.form.base == GroupForm::Base::kMinimum) {
    CheckFinite(layout_, first, count, per_row, out.minimums, "minimum");
  }
  if (layout_.form.code == GroupForm::Code::kE4M3) CheckFloat8(layout_, first, count, out.codes);
}

void GroupSource::ReadGroups(int64_t first, int64_t count, const GroupRows& out) const {
  PUNA_CHECK(regular_) << name();
  ReadChecked(first, count, out);
  if (order_.empty()) return;
  std::vector<uint8_t> row(static_cast<size_t>(cols()));
  for (int64_t r = 0; r < count; ++r) {
    uint8_t* codes = out.codes + r * cols();
    std::copy_n(codes, cols(), row.begin());
    for (size_t c = 0; c < order_.size(); ++c) codes[c] = row[static_cast<size_t>(order_[c])];
  }
}

void GroupSource::ReadFloat(int64_t first, int64_t count, float* out) const {
  const GroupBuffer buffer(layout_, count);
  const GroupRows& rows = buffer.rows();
  ReadChecked(first, count, rows);
  const std::array<float, 256> numbers = NumbersOf(layout_.form);
  std::vector<Line> lines(static_cast<size_t>(layout_.groups));
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t g = 0; g < layout_.groups; ++g) lines[static_cast<size_t>(g)] = LineOf(layout_, rows, r, g);
    const uint8_t* codes = rows.codes + r * cols();
    float* to = out + r * cols();
    for (int64_t c = 0; c < cols(); ++c) {
      const int64_t g = layout_.group_of.empty() ? c / layout_.form.group : layout_.group_of[static_cast<size_t>(c)];
      const Line line = lines[static_cast<size_t>(g)];
      to[c] = line.scale * (numbers[codes[c]] - line.zero) + line.minimum;
    }
  }
}

void GroupSource::ReadCodes(int64_t first, int64_t count, int8_t* codes, float* scales) const {
  PUNA_CHECK(encoding_ != Encoding::kFloat) << name();
  const GroupRows out{.codes = reinterpret_cast<uint8_t*>(codes), .scales = scales};
  ReadChecked(first, count, out);
  const int offset = CodeOffset(layout_.form.code);
  for (int64_t i = 0; i < count * cols(); ++i) codes[i] = static_cast<int8_t>(out.codes[i] - offset);
}

}  // namespace puna::engine
