// A weight matrix rounded to integers, and how far that moved it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/cpu_features.h"
#include "engine/base/thread_team.h"
#include "engine/checkpoint/sources/weight_source.h"
#include "engine/quantize/fold.h"
#include "engine/quantize/hessian.h"

namespace puna::engine {

enum class Bits { kInt8, kInt4 };  // one scale per row; one float16 scale per 32 columns

// w = code * scale of its row and group.
struct RoundedMatrix {
  Bits bits = Bits::kInt8;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t group = 0;          // columns that share a scale
  std::vector<int8_t> codes;  // [rows, cols]
  std::vector<float> scales;  // [rows, cols / group]

  float value(int64_t r, int64_t c) const {
    return static_cast<float>(codes[static_cast<size_t>(r * cols + c)]) *
           scales[static_cast<size_t>(r * (cols / group) + c / group)];
  }
};

// To nearest, without data: int4 with the scale of least squared error in each group. int4 needs
// cols % 32 == 0.
RoundedMatrix RoundToNearest(const DenseMatrix& w, Bits bits, ThreadTeam& team);

// GPTQ (Frantar et al., arXiv 2210.17323): columns are rounded one after the other, and each one's
// error is spread over those that are still to come, so that the outputs on the calibration text
// change least. `factor`: InverseFactor of the inputs' Hessian. Columns keep their order; a group's
// scale is chosen when its first column's turn comes.
RoundedMatrix RoundByGptq(const DenseMatrix& w, const Hessian& factor, Bits bits, Isa isa, ThreadTeam& team);

// |W - rounded| / |W|, Frobenius.
double RelativeError(const DenseMatrix& w, const RoundedMatrix& rounded);

// |X (W - rounded)^T| / |X W^T| over the calibration text; h: its Hessian before it is factored.
double RelativeOutputError(const DenseMatrix& w, const RoundedMatrix& rounded, const Hessian& h, Isa isa,
                           ThreadTeam& team);

// What the model builder reads. The matrix must outlive the source.
std::unique_ptr<WeightSource> MakeSource(const DenseMatrix& w);
std::unique_ptr<WeightSource> MakeSource(const RoundedMatrix& w);

}  // namespace puna::engine
