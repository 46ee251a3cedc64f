#include "engine/layers/rotation.h"

#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>

namespace puna::engine {
namespace {

constexpr int64_t kMaxFactor = 512;

bool IsPrime(int64_t q) {
  for (int64_t d = 2; d * d <= q; ++d) {
    if (q % d == 0) return false;
  }
  return q > 1;
}

// The m of n = m * 2^k that we can build: odd part 1, else the smallest odd part * 2^j that Paley's
// construction gives. 0: none.
int64_t FactorOf(int64_t n) {
  if (n < 1) return 0;
  if (std::has_single_bit(static_cast<uint64_t>(n))) return 1;
  for (int64_t m = n >> std::countr_zero(static_cast<uint64_t>(n)); m <= n && m <= kMaxFactor; m *= 2) {
    if ((m - 1) % 4 == 3 && IsPrime(m - 1)) return m;
  }
  return 0;
}

// Paley I: I + S, where S borders the Jacobsthal matrix of q with ones.
std::vector<int8_t> Paley(int64_t m) {
  std::vector<int8_t> h(static_cast<size_t>(m * m), 1);
  if (m == 1) return h;
  const int64_t q = m - 1;
  std::vector<bool> square(static_cast<size_t>(q), false);
  for (int64_t i = 1; i < q; ++i) square[static_cast<size_t>(i * i % q)] = true;
  for (int64_t i = 0; i < q; ++i) {
    h[static_cast<size_t>((i + 1) * m)] = -1;
    for (int64_t j = 0; j < q; ++j) {
      const int64_t d = ((i - j) % q + q) % q;
      h[static_cast<size_t>((i + 1) * m + j + 1)] = d == 0 || square[static_cast<size_t>(d)] ? 1 : -1;
    }
  }
  return h;
}

uint64_t SplitMix(uint64_t* state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

}  // namespace

bool Rotation::Exists(int64_t n) { return FactorOf(n) != 0; }

Rotation::Rotation(int64_t n, uint64_t seed) : n_(n), m_(FactorOf(n)) {
  if (m_ == 0)
    throw std::runtime_error("a rotation of " + std::to_string(n) +
                             " values: expected a power of two times 1, 12, 20 or another " +
                             "order of Paley's matrices, found none; quantise without this rotation");
  factor_ = Paley(m_);
  for (int64_t i = 0; i < n; ++i) signs_.push_back((SplitMix(&seed) >> 63) != 0 ? -1 : 1);
}

// x [m][2^k] times the Kronecker product: butterflies within each run, then H_m across the runs.
template <typename T>
void Rotation::Hadamard(T* x, bool transposed) const {
  const int64_t run = n_ / m_;
  for (int64_t block = 0; block < n_; block += run) {
    for (int64_t half = 1; half < run; half *= 2) {
      for (int64_t i = block; i < block + run; i += 2 * half) {
        for (int64_t j = i; j < i + half; ++j) {
          const T a = x[j], b = x[j + half];
          x[j] = a + b;
          x[j + half] = a - b;
        }
      }
    }
  }
  const T scale = T(1) / std::sqrt(static_cast<T>(n_));
  if (m_ == 1) {
    for (int64_t i = 0; i < n_; ++i) x[i] *= scale;
    return;
  }
  std::vector<T> in(x, x + n_);
  for (int64_t to = 0; to < m_; ++to) {
    T* out = x + to * run;
    for (int64_t j = 0; j < run; ++j) out[j] = 0;
    for (int64_t from = 0; from < m_; ++from) {
      const T sign =
          (transposed ? factor_[static_cast<size_t>(to * m_ + from)] : factor_[static_cast<size_t>(from * m_ + to)]) *
          scale;
      for (int64_t j = 0; j < run; ++j) out[j] += sign * in[static_cast<size_t>(from * run + j)];
    }
  }
}

template <typename T>
void Rotation::Apply(T* x) const {
  for (int64_t i = 0; i < n_; ++i) x[i] *= signs_[static_cast<size_t>(i)];
  Hadamard(x, false);
}

template <typename T>
void Rotation::ApplyInverse(T* x) const {
  Hadamard(x, true);
  for (int64_t i = 0; i < n_; ++i) x[i] *= signs_[static_cast<size_t>(i)];
}

template void Rotation::Apply(float*) const;
template void Rotation::Apply(double*) const;
template void Rotation::ApplyInverse(float*) const;
template void Rotation::ApplyInverse(double*) const;

}  // namespace puna::engine
