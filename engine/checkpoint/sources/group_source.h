// What all sources of integer codes share: columns in groups, each with a scale and a minimum or zero point (GroupForm says
// how a weight is made of them).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/checkpoint/sources/weight_source.h"
#include "engine/kernels/group_form.h"

namespace puna::engine {

struct GroupLayout {
  std::string path;  // of the file, for messages
  std::string name;
  int64_t rows = 0;
  int64_t cols = 0;
  GroupForm form{};    // form.group columns share a scale; 0: all of them
  int64_t groups = 1;  // scales per row
  // Group of each column, in [0, groups), where groups are not runs of columns (act-order). Empty: they are.
  std::vector<int32_t> group_of{};
};

// Memory for some rows as they are read.
class GroupBuffer {
 public:
  GroupBuffer(const GroupLayout& layout, int64_t rows);
  const GroupRows& rows() const { return rows_; }

 private:
  std::vector<uint8_t> codes_, zeros_;
  std::vector<float> scales_, minimums_;
  std::vector<int8_t> sub_scales_, sub_minimums_;
  GroupRows rows_;
};

class GroupSource : public WeightSource {
 public:
  std::string name() const override { return layout_.name; }
  int64_t rows() const override { return layout_.rows; }
  int64_t cols() const override { return layout_.cols; }
  int64_t group_size() const override { return layout_.form.group; }
  Encoding encoding() const override { return encoding_; }
  bool plain() const override { return false; }
  std::optional<GroupForm> groups() const override;
  std::span<const int32_t> column_order() const override { return order_; }

  void ReadFloat(int64_t first, int64_t count, float* out) const override;
  void ReadCodes(int64_t first, int64_t count, int8_t* codes, float* scales) const override;
  void ReadGroups(int64_t first, int64_t count, const GroupRows& out) const override;

 protected:
  // Forgets a group_of that is the natural one.
  explicit GroupSource(GroupLayout layout);

  const GroupLayout& layout() const { return layout_; }
  // Rows in Hugging Face's order, columns as the inputs come, groups in the order of their numbers.
  virtual void ReadRaw(int64_t first, int64_t count, const GroupRows& out) const = 0;

 private:
  void ReadChecked(int64_t first, int64_t count, const GroupRows& out) const;

  GroupLayout layout_;
  Encoding encoding_ = Encoding::kFloat;
  bool regular_ = true;         // groups are runs of equal length, once the columns are in order
  std::vector<int32_t> order_;  // columns sorted by group; empty: they are
};

}  // namespace puna::engine
