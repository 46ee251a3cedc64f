#include "engine/layers/linear_input.h"

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"

namespace puna::engine {

int64_t PaddedCols(WeightFormat format, int64_t cols) {
  const int64_t unit = format == WeightFormat::kW8A8 ? 64 : 32;
  return (cols + unit - 1) / unit * unit;
}

namespace {

// Calls fn with the product of this format.
template <typename Fn>
void WithProduct(Isa isa, WeightFormat format, const Fn& fn) {
  const GemmKernels& kernels = GetGemmKernels(isa);
  switch (format) {
    case WeightFormat::kBf16:
      return fn(kernels.bf16_panel);
    case WeightFormat::kW8A8:
      return fn(kernels.int8_panel);
    case WeightFormat::kW4A8:
      return fn(kernels.int4_panel);
    case WeightFormat::kGroups:
      return fn(GetGroupProduct(isa));
  }
}

}  // namespace

LinearInput::LinearInput(FormatSet formats, int64_t max_rows, int64_t max_cols, bool asymmetric, Isa isa,
                         int max_orders)
    : formats_(formats), kernels_(GetElementwiseKernels(isa)), isa_(isa), max_cols_(max_cols) {
  for (int f = 0; f < kNumFormats; ++f) {
    const auto format = static_cast<WeightFormat>(f);
    if (!formats.Has(format)) continue;
    const int orders = format == WeightFormat::kGroups ? max_orders : 1;
    for (int i = 0; i < orders; ++i) arranged_[f].push_back(MakeRows(format, max_rows, asymmetric));
  }
}

ArrangedRows LinearInput::MakeRows(WeightFormat format, int64_t max_rows, bool asymmetric) const {
  ArrangedRows rows;
  rows.asymmetric_ = asymmetric && format != WeightFormat::kGroups;
  WithProduct(isa_, format, [&](const auto& product) {
    PUNA_CHECK(kMaxTileRows % product.tile_rows == 0) << product.tile_rows;
    const int64_t bytes = max_rows * product.row_bytes(PaddedCols(format, max_cols_));
    rows.data_ = AlignedBuffer<uint8_t>(static_cast<size_t>(bytes));
  });
  if (format != WeightFormat::kBf16) rows.quant_ = AlignedBuffer<RowQuant>(static_cast<size_t>(max_rows));
  return rows;
}

const ArrangedRows& LinearInput::In(WeightFormat format, size_t order) const {
  const std::vector<ArrangedRows>& orders = arranged_[static_cast<size_t>(format)];
  PUNA_CHECK(order < orders.size() && orders[order].set_) << Name(format) << ' ' << order;
  return orders[order];
}

void LinearInput::Set(MatView<const float> x, const Norm& norm, ThreadTeam& team, FormatSet wanted,
                      const ColumnOrders& orders) {
  PUNA_CHECK(x.cols <= max_cols_) << x.cols << " > " << max_cols_;
  rows_ = x.rows;
  while (std::ssize(scratch_) < team.size()) scratch_.emplace_back(PaddedCols(WeightFormat::kW8A8, max_cols_));
  for (int f = 0; f < kNumFormats; ++f) {
    const auto format = static_cast<WeightFormat>(f);
    const bool ordered = format == WeightFormat::kGroups && !orders.empty();
    const size_t count = !wanted.Has(format) ? 0 : ordered ? orders.size() : 1;
    PUNA_CHECK(arranged_[f].empty() || count <= arranged_[f].size()) << count;
    for (size_t i = 0; i < arranged_[f].size(); ++i) {
      ArrangedRows& rows = arranged_[f][i];
      rows.set_ = i < count;
      if (!rows.set_) continue;
      rows.order_ = ordered ? orders[i] : std::span<const int32_t>();
      PUNA_CHECK(rows.order_.empty() || std::ssize(rows.order_) == x.cols) << rows.order_.size();
      rows.stride_ = PaddedCols(format, x.cols);
      WithProduct(isa_, format, [&](const auto& product) { SetFormat(product, rows, x, norm, team); });
    }
  }
}

template <typename Product>
void LinearInput::SetFormat(const Product& product, ArrangedRows& rows, MatView<const float> x, const Norm& norm,
                            ThreadTeam& team) {
  rows.row_bytes_ = product.row_bytes(rows.stride_);
  constexpr int64_t kRowsPerTask = 4;  // fewer are not worth a barrier
  const int64_t tiles = (kRowsPerTask + product.tile_rows - 1) / product.tile_rows;
  const int64_t run = tiles * product.tile_rows;
  team.ForEach((x.rows + run - 1) / run, [&](int64_t task, int thread) {
    const int64_t end = std::min(x.rows, (task + 1) * run);
    for (int64_t r = task * run; r < end; r += product.tile_rows) {
      SetTile(product.tile_rows, product.arrange, rows, x, norm, r, scratch_[thread]);
    }
  });
}

template <typename A>
void LinearInput::SetTile(int tile_rows, void (*arrange)(const A*, int, int64_t, uint8_t*), ArrangedRows& to,
                          MatView<const float> x, const Norm& norm, int64_t first, Scratch& scratch) {
  auto* tile = reinterpret_cast<A*>(scratch.tile.data());
  const int rows = static_cast<int>(std::min<int64_t>(tile_rows, x.rows - first));
  for (int r = 0; r < rows; ++r) {
    A* out = tile + r * to.stride_;
    const float* row = Prepared(x.row(first + r), x.cols, norm, scratch.row.data());
    if (!to.order_.empty()) {
      for (int64_t i = 0; i < x.cols; ++i) scratch.ordered[i] = row[to.order_[i]];
      row = scratch.ordered.data();
    }
    Round(row, x.cols, first + r, to, out);
  }
  arrange(tile, rows, to.stride_, to.data_.data() + first * to.row_bytes_);
}

// The row after what `norm` asks for: x itself, or in scratch.
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

void LinearInput::Round(const float* row, int64_t cols, int64_t, ArrangedRows& to, bf16* out) {
  kernels_.to_bf16(row, cols, out);
  std::fill(out + cols, out + to.stride_, bf16{});
}

void LinearInput::Round(const float* row, int64_t cols, int64_t r, ArrangedRows& to, int8_t* out) {
  to.quant_[r] = (to.asymmetric_ ? kernels_.quantize_asymmetric : kernels_.quantize_symmetric)(row, cols, out);
  std::fill(out + cols, out + to.stride_, int8_t{0});
}

// As unsigned bytes, all 128 higher.
void LinearInput::Round(const float* row, int64_t cols, int64_t r, ArrangedRows& to, uint8_t* out) {
  Round(row, cols, r, to, reinterpret_cast<int8_t*>(out));
  for (int64_t i = 0; i < to.stride_; ++i) out[i] ^= 0x80u;
  to.quant_[r].zero += 128;
}

}  // namespace puna::engine
