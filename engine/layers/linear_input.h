// LinearInput: the rows that a linear layer multiplies, in the form its weights want. Made once per input and read by every
// layer that shares it (q, k and v; gate and up).
#pragma once

#include <cstdint>

#include "engine/base/aligned_buffer.h"
#include "engine/base/bf16.h"
#include "engine/base/thread_team.h"
#include "engine/base/views.h"
#include "engine/kernels/elementwise.h"
#include "engine/layers/weight_format.h"

namespace puna::engine {

// Rounds K up to what the format's panels need; the padding of every row stays zero.
int64_t PaddedCols(WeightFormat format, int64_t cols);

class LinearInput {
 public:
  // Room for max_rows rows of up to max_cols columns. Asymmetric: int8 activations by XNNPACK's rule instead of +-127.
  LinearInput(WeightFormat format, int64_t max_rows, int64_t max_cols, bool asymmetric, Isa isa);

  // What happens to a row before it is rounded.
  struct Norm {
    const float* weight = nullptr;  // RMSNorm first; null: none
    float eps = 0;
    bool hadamard = false;          // Walsh-Hadamard transform first (SpinQuant's R4)
  };

  // Takes x [rows, cols]. Rows are independent, so the result does not depend on how many there are.
  void Set(MatView<const float> x, const Norm& norm, ThreadTeam& team);

  WeightFormat format() const { return format_; }
  int64_t rows() const { return rows_; }
  int64_t stride() const { return stride_; }  // elements from one row to the next, the padded K

  const bf16* bf16_row(int64_t r) const { return bf16_.data() + r * stride_; }
  const int8_t* codes_row(int64_t r) const { return codes_.data() + r * stride_; }         // W4A8: signed
  const uint8_t* unsigned_row(int64_t r) const { return reinterpret_cast<const uint8_t*>(codes_row(r)); }  // W8A8: + 128
  const int32_t* group_starts_row(int64_t r) const { return starts_.data() + r * (stride_ / 32); }
  RowQuant quant(int64_t r) const { return quant_[r]; }  // zero counts from the codes as stored

 private:
  void SetRow(const float* x, int64_t cols, const Norm& norm, int64_t r, float* scratch);

  WeightFormat format_;
  bool asymmetric_;
  const ElementwiseKernels& kernels_;
  int64_t max_cols_;
  int64_t rows_ = 0;
  int64_t stride_ = 0;
  AlignedBuffer<bf16> bf16_;
  AlignedBuffer<int8_t> codes_;
  AlignedBuffer<int32_t> starts_;
  AlignedBuffer<RowQuant> quant_;
};

}  // namespace puna::engine
