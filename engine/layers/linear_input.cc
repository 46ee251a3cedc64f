#include "engine/layers/linear_input.h"

#include <cstring>
#include <vector>

#include "engine/base/check.h"

namespace puna::engine {

const char* Name(WeightFormat format) {
  switch (format) {
    case WeightFormat::kBf16: return "bf16";
    case WeightFormat::kW8A8: return "w8a8";
    case WeightFormat::kW4A8: return "w4a8";
  }
  return "?";
}

int64_t PaddedCols(WeightFormat format, int64_t cols) {
  const int64_t unit = format == WeightFormat::kW8A8 ? 64 : 32;
  return (cols + unit - 1) / unit * unit;
}

LinearInput::LinearInput(WeightFormat format, int64_t max_rows, int64_t max_cols, bool asymmetric, Isa isa)
    : format_(format), asymmetric_(asymmetric), kernels_(GetElementwiseKernels(isa)), max_cols_(max_cols) {
  const int64_t room = max_rows * PaddedCols(format, max_cols);
  if (format == WeightFormat::kBf16) {
    bf16_ = AlignedBuffer<bf16>(room);
    return;
  }
  codes_ = AlignedBuffer<int8_t>(room);
  quant_ = AlignedBuffer<RowQuant>(max_rows);
  if (format == WeightFormat::kW4A8) starts_ = AlignedBuffer<int32_t>(room / 32);
}

void LinearInput::Set(MatView<const float> x, const Norm& norm, ThreadTeam& team) {
  PUNA_CHECK(x.cols <= max_cols_) << x.cols << " > " << max_cols_;
  rows_ = x.rows;
  stride_ = PaddedCols(format_, x.cols);
  const auto set_rows = [&](int64_t first, int64_t last) {
    thread_local std::vector<float> scratch;
    scratch.resize(stride_);
    for (int64_t r = first; r < last; ++r) SetRow(x.row(r), x.cols, norm, r, scratch.data());
  };
  constexpr int64_t kRowsPerTask = 4;  // fewer are not worth a barrier
  if (x.rows <= kRowsPerTask) return set_rows(0, x.rows);
  team.ForEach((x.rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    set_rows(task * kRowsPerTask, std::min(x.rows, (task + 1) * kRowsPerTask));
  });
}

void LinearInput::SetRow(const float* x, int64_t cols, const Norm& norm, int64_t r, float* scratch) {
  const float* row = x;
  if (norm.weight != nullptr) {
    kernels_.rms_norm(row, norm.weight, cols, norm.eps, scratch);
    row = scratch;
  }
  if (norm.hadamard) {
    if (row != scratch) std::memcpy(scratch, row, cols * sizeof(float));
    kernels_.fwht(scratch, cols);
    row = scratch;
  }
  if (format_ == WeightFormat::kBf16) {
    bf16* out = bf16_.data() + r * stride_;
    kernels_.to_bf16(row, cols, out);
    for (int64_t i = cols; i < stride_; ++i) out[i] = {};
    return;
  }
  int8_t* codes = codes_.data() + r * stride_;
  const auto quantize = asymmetric_ ? kernels_.quantize_asymmetric : kernels_.quantize_symmetric;
  RowQuant quant = quantize(row, cols, codes);
  std::memset(codes + cols, 0, stride_ - cols);
  if (format_ == WeightFormat::kW8A8) {
    for (int64_t i = 0; i < stride_; ++i) codes[i] = static_cast<int8_t>(static_cast<uint8_t>(codes[i]) ^ 0x80u);
    quant.zero += 128;
  } else {
    kernels_.group_starts(codes, stride_, starts_.data() + r * (stride_ / 32));
  }
  quant_[r] = quant;
}

}  // namespace puna::engine
