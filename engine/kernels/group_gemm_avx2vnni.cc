// Products with a GroupForm's panels for 256-bit VNNI in the encoding of desktop processors (AVX-VNNI).

#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "engine/kernels/gemm.h"
#include "engine/kernels/group_gemm.h"
#include "engine/kernels/unroll.h"

#define PUNA_VECTOR 32
#define PUNA_DPBUSD(sum, u8, s8) _mm256_dpbusd_avx_epi32(sum, u8, s8)

namespace puna::engine {
namespace {
#include "engine/kernels/group_vnni256.inc"
}  // namespace

const GroupProduct& Avx2VnniGroupProduct() { return kProduct; }

}  // namespace puna::engine
