// What all integer weight formats share: w = scale[group] * (code - zero[group]), codes of 4 or 8 bits around zero.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/checkpoint/sources/weight_source.h"

namespace puna::engine {

struct QuantizedLayout {
  std::string name;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t groups = 1;  // scales per row
  int bits = 8;        // 4 or 8
  // Group of each column, when groups are not runs of cols / groups columns (act-order). Empty: they are.
  std::vector<int32_t> group_of;
  // [rows, groups], less the midpoint as the codes are. Empty: all zero (symmetric).
  std::vector<int8_t> zeros;
};

// Symmetric 4 bits give kInt4; symmetric 8 bits with one scale per row give kInt8; all else kFloat.
class QuantizedSource : public WeightSource {
 public:
  std::string name() const override { return layout_.name; }
  int64_t rows() const override { return layout_.rows; }
  int64_t cols() const override { return layout_.cols; }
  int64_t group_size() const override { return layout_.cols / layout_.groups; }
  Encoding encoding() const override { return encoding_; }

  void ReadFloat(int64_t first, int64_t count, float* out) const override;
  void ReadCodes(int64_t first, int64_t count, int8_t* codes, float* scales) const override;

 protected:
  // Drops zeros that are all 0 and a group_of that is the natural one.
  explicit QuantizedSource(QuantizedLayout layout);

  const QuantizedLayout& layout() const { return layout_; }
  virtual void ReadRawCodes(int64_t first, int64_t count, int8_t* codes) const = 0;  // [count, cols]
  virtual void ReadScales(int64_t first, int64_t count, float* scales) const = 0;    // [count, groups]

 private:
  QuantizedLayout layout_;
  Encoding encoding_;
};

// The 4-bit value of nibble i (lowest first), 0..15 less 8.
inline int8_t Nibble(uint32_t word, int i) { return static_cast<int8_t>(static_cast<int>(word >> (4 * i) & 15u) - 8); }

}  // namespace puna::engine
