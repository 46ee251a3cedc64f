#include "engine/layers/linear_input.h"

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"

namespace puna::engine {

const char* Name(WeightFormat format) {
  switch (format) {
    case WeightFormat::kBf16:
      return "bf16";
    case WeightFormat::kW8A8:
      return "w8a8";
    case WeightFormat::kW4A8:
      return "w4a8";
  }
  return "?";
}

int64_t PaddedCols(WeightFormat format, int64_t cols) {
  const int64_t unit = format == WeightFormat::kW8A8 ? 64 : 32;
  return (cols + unit - 1) / unit * unit;
}

namespace {

// Calls fn with the product of this format.
template <typename Fn>
void WithProduct(const GemmKernels& kernels, WeightFormat format, const Fn& fn) {
  switch (format) {
    case WeightFormat::kBf16:
      return fn(kernels.bf16_panel);
    case WeightFormat::kW8A8:
      return fn(kernels.int8_panel);
    case WeightFormat::kW4A8:
      return fn(kernels.int4_panel);
  }
}

}  // namespace

LinearInput::LinearInput(WeightFormat format, int64_t max_rows, int64_t max_cols, bool asymmetric, Isa isa)
    : format_(format),
      asymmetric_(asymmetric),
      kernels_(GetElementwiseKernels(isa)),
      gemm_(GetGemmKernels(isa)),
      max_cols_(max_cols) {
  WithProduct(gemm_, format, [&](const auto& product) {
    PUNA_CHECK(kMaxTileRows % product.tile_rows == 0) << product.tile_rows;
    arranged_ = AlignedBuffer<uint8_t>(max_rows * product.row_bytes(PaddedCols(format, max_cols)));
  });
  if (format != WeightFormat::kBf16) quant_ = AlignedBuffer<RowQuant>(max_rows);
}

void LinearInput::Set(MatView<const float> x, const Norm& norm, ThreadTeam& team) {
  PUNA_CHECK(x.cols <= max_cols_) << x.cols << " > " << max_cols_;
  rows_ = x.rows;
  stride_ = PaddedCols(format_, x.cols);
  while (std::ssize(scratch_) < team.size()) scratch_.emplace_back(PaddedCols(format_, max_cols_));
  WithProduct(gemm_, format_, [&](const auto& product) {
    row_bytes_ = product.row_bytes(stride_);
    constexpr int64_t kRowsPerTask = 4;  // fewer are not worth a barrier
    const int64_t tiles = (kRowsPerTask + product.tile_rows - 1) / product.tile_rows;
    const int64_t run = tiles * product.tile_rows;
    team.ForEach((x.rows + run - 1) / run, [&](int64_t task, int thread) {
      const int64_t end = std::min(x.rows, (task + 1) * run);
      for (int64_t r = task * run; r < end; r += product.tile_rows) SetTile(product, x, norm, r, scratch_[thread]);
    });
  });
}

template <typename A, typename W, typename Y>
void LinearInput::SetTile(const PanelProduct<A, W, Y>& product, MatView<const float> x, const Norm& norm, int64_t first,
                          Scratch& scratch) {
  auto* tile = reinterpret_cast<A*>(scratch.tile.data());
  const int rows = static_cast<int>(std::min<int64_t>(product.tile_rows, x.rows - first));
  for (int r = 0; r < rows; ++r) {
    A* out = tile + r * stride_;
    Round(Prepared(x.row(first + r), x.cols, norm, scratch.row.data()), x.cols, first + r, out);
  }
  product.arrange(tile, rows, stride_, arranged_.data() + first * row_bytes_);
}

// The row after what `norm` asks for: x itself, or scratch.
const float* LinearInput::Prepared(const float* x, int64_t cols, const Norm& norm, float* scratch) const {
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
  return row;
}

void LinearInput::Round(const float* row, int64_t cols, int64_t, bf16* out) {
  kernels_.to_bf16(row, cols, out);
  std::fill(out + cols, out + stride_, bf16{});
}

void LinearInput::Round(const float* row, int64_t cols, int64_t r, int8_t* out) {
  quant_[r] = (asymmetric_ ? kernels_.quantize_asymmetric : kernels_.quantize_symmetric)(row, cols, out);
  std::fill(out + cols, out + stride_, int8_t{0});
}

// As unsigned bytes, all 128 higher.
void LinearInput::Round(const float* row, int64_t cols, int64_t r, uint8_t* out) {
  Round(row, cols, r, reinterpret_cast<int8_t*>(out));
  for (int64_t i = 0; i < stride_; ++i) out[i] ^= 0x80u;
  quant_[r].zero += 128;
}

}  // namespace puna::engine
