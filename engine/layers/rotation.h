// Rotation: an orthogonal matrix R = diag(signs) * (H_m x H_2^k) / sqrt(n), applied in O(n log n)
// and never stored. Spreads a few large values over all n, which is what makes rounding to few bits
// bearable (QuaRot, arXiv 2404.00456; SpinQuant, 2405.16406). H_m is Paley's Hadamard matrix of
// order m = q + 1, q a prime with q % 4 == 3, or 1; so 3072 is 12 * 256.
#pragma once

#include <cstdint>
#include <vector>

namespace puna::engine {

class Rotation {
 public:
  // Of size n; the signs are drawn from `seed`, the same on every machine. Throws
  // std::runtime_error when there is no such matrix for this n (see Exists).
  Rotation(int64_t n, uint64_t seed);
  static bool Exists(int64_t n);

  int64_t size() const { return n_; }

  // Row vectors of n elements, in place: x R, and x R^T which undoes it. Thread-safe.
  template <typename T>
  void Apply(T* x) const;
  template <typename T>
  void ApplyInverse(T* x) const;

 private:
  template <typename T>
  void Hadamard(T* x, bool transposed) const;

  int64_t n_, m_;
  std::vector<int8_t> signs_;   // [n]
  std::vector<int8_t> factor_;  // H_m, [m, m]
};

}  // namespace puna::engine
