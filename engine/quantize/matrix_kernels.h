// The one product that GPTQ spends its time in, per instruction set.
#pragma once

#include <cstdint>

#include "engine/base/cpu_features.h"

namespace puna::engine {

// c [m, n] -= a [m, k] * b [k, n], row-major with leading dimensions in elements. Each element of c
// is one chain of subtractions in rising k.
using SubtractProductFn = void (*)(const float* a, int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc,
                                   int64_t m, int64_t n, int64_t k);

SubtractProductFn GetSubtractProduct(Isa isa);

namespace scalar {
void SubtractProduct(const float*, int64_t, const float*, int64_t, float*, int64_t, int64_t, int64_t, int64_t);
}
namespace avx2 {
void SubtractProduct(const float*, int64_t, const float*, int64_t, float*, int64_t, int64_t, int64_t, int64_t);
}
namespace avx512 {
void SubtractProduct(const float*, int64_t, const float*, int64_t, float*, int64_t, int64_t, int64_t, int64_t);
}

}  // namespace puna::engine
