// LinearInput: the rows that a linear layer multiplies, in the formats its weights want and in the order that the instruction
// set's kernel reads. Made once per input and read by every layer that shares it (q, k and v; gate and up).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/base/bf16.h"
#include "engine/base/thread_team.h"
#include "engine/base/views.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/group_gemm.h"
#include "engine/layers/weight_format.h"

namespace puna::engine {

// Rounds K up to what the format's panels need; the padding of every row stays zero.
int64_t PaddedCols(WeightFormat format, int64_t cols);

// Orders of columns in which group forms want their rows: column i is the input's column order[i], and an empty order leaves the
// columns as they are.
using ColumnOrders = std::vector<std::span<const int32_t>>;

// Rows in one format.
class ArrangedRows {
 public:
  // The rows from r, where a tile begins (a multiple of kMaxTileRows will do), in the order of the format's product.
  const uint8_t* at(int64_t r) const { return data_.data() + r * row_bytes_; }
  // Integer formats; zero counts from the codes as they are multiplied.
  RowQuant quant(int64_t r) const { return quant_[r]; }
  bool ordered() const { return !order_.empty(); }  // whether the columns stand in an order of their own
  int64_t stride() const { return stride_; }        // elements from one row to the next, the padded K

 private:
  friend class LinearInput;
  std::span<const int32_t> order_;  // of the last Set
  int64_t stride_ = 0;
  int64_t row_bytes_ = 0;
  bool set_ = false;
  bool asymmetric_ = false;
  AlignedBuffer<uint8_t> data_;
  AlignedBuffer<RowQuant> quant_;
};

class LinearInput {
 public:
  // Room for max_rows rows of up to max_cols columns in each of `formats`. Asymmetric: int8 activations by XNNPACK's rule
  // instead of +-127; never for kGroups, whose rows stand there in up to max_orders orders.
  LinearInput(FormatSet formats, int64_t max_rows, int64_t max_cols, bool asymmetric, Isa isa, int max_orders = 1);

  // What happens to a row before it is rounded.
  struct Norm {
    const float* weight = nullptr;  // RMSNorm first; null: none
    float eps = 0;
    bool hadamard = false;  // Walsh-Hadamard transform first (SpinQuant's R4)
  };

  // Takes x [rows, cols] in those of `wanted` that it has. Rows are independent, so the result does not depend on how many
  // there are. `orders`: of kGroups; none: as they are.
  void Set(MatView<const float> x, const Norm& norm, ThreadTeam& team, FormatSet wanted = kAllFormats,
           const ColumnOrders& orders = {});

  int64_t rows() const { return rows_; }
  // What the last Set was asked for; `order`: which of kGroups' orders.
  const ArrangedRows& In(WeightFormat format, size_t order = 0) const;

 private:
  // What a thread needs for a tile of rows on their way.
  struct Scratch {
    explicit Scratch(int64_t cols) : row(cols), ordered(cols), tile(kMaxTileRows * cols) {}
    std::vector<float> row, ordered;
    std::vector<bf16> tile;  // or as many codes
  };
  ArrangedRows MakeRows(WeightFormat format, int64_t max_rows, bool asymmetric) const;
  template <typename Product>
  void SetFormat(const Product& product, ArrangedRows& rows, MatView<const float> x, const Norm& norm,
                 ThreadTeam& team);
  template <typename A>
  void SetTile(int tile_rows, void (*arrange)(const A*, int, int64_t, uint8_t*), ArrangedRows& to,
               MatView<const float> x, const Norm& norm, int64_t first, Scratch& scratch);
  const float* Prepared(const float* x, int64_t cols, const Norm& norm, float* scratch) const;
  void Round(const float* row, int64_t cols, int64_t r, ArrangedRows& to, bf16* out);
  void Round(const float* row, int64_t cols, int64_t r, ArrangedRows& to, uint8_t* out);
  void Round(const float* row, int64_t cols, int64_t r, ArrangedRows& to, int8_t* out);

  FormatSet formats_;
  const ElementwiseKernels& kernels_;
  Isa isa_;
  int64_t max_cols_;
  int64_t rows_ = 0;
  std::array<std::vector<ArrangedRows>, kNumFormats> arranged_;  // by format, then order
  std::vector<Scratch> scratch_;                                 // of each thread
};

}  // namespace puna::engine
