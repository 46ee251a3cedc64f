// Hessian: X^T X over all inputs of a linear layer seen so far, the only thing about them that GPTQ
// needs.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/base/cpu_features.h"
#include "engine/base/thread_team.h"
#include "engine/base/views.h"

namespace puna::engine {

class Hessian {
 public:
  Hessian(int64_t n, Isa isa);

  // Adds the rows of x [tokens, n], rounded to bf16. Sums are float32.
  void Add(MatView<const float> x, ThreadTeam& team);

  int64_t size() const { return n_; }
  int64_t tokens() const { return tokens_; }
  // Row-major [n, n]; zeros above the diagonal.
  float* row(int64_t r) { return values_.data() + r * n_; }
  const float* row(int64_t r) const { return values_.data() + r * n_; }

 private:
  int64_t n_;
  Isa isa_;
  int64_t tokens_ = 0;
  AlignedBuffer<float> values_;
};

// The upper triangular U with H^-1 = U^T U, for H (its lower half is read and overwritten) plus
// `damping` times the mean of its diagonal. Inputs that were never seen get a diagonal of one.
// Returns U row-major [n, n] in h's memory, zeros below the diagonal. Throws std::runtime_error
// when H is not positive definite (values that are not finite).
void InverseFactor(Hessian& h, double damping, Isa isa, ThreadTeam& team);

// sum over rows r of d_r H d_r^T: the squared error that a change d [rows, n] of the weights makes
// in the outputs.
double OutputError(const Hessian& h, MatView<const float> d, Isa isa, ThreadTeam& team);

}  // namespace puna::engine
