// Figures of gemm: 1; raised when the documents' tables no longer describe this code.
#include "engine/kernels/gemm.h"

#include <cstring>

namespace puna::engine {

template <typename A>
int64_t PlainRowBytes(int64_t k) {
  return k * static_cast<int64_t>(sizeof(A));
}

template <typename A>
void CopyRows(const A* rows, int m, int64_t k, uint8_t* tile) {
  std::memcpy(tile, rows, m * PlainRowBytes<A>(k));
}

template int64_t PlainRowBytes<bf16>(int64_t);
template int64_t PlainRowBytes<int8_t>(int64_t);
template int64_t PlainRowBytes<uint8_t>(int64_t);
template void CopyRows(const bf16*, int, int64_t, uint8_t*);
template void CopyRows(const int8_t*, int, int64_t, uint8_t*);
template void CopyRows(const uint8_t*, int, int64_t, uint8_t*);

const GemmKernels& GetGemmKernels(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kAvx2:
      return Avx2GemmKernels();
    case Isa::kAvx2Vnni:
      return HasVexVnni() ? Avx2VnniGemmKernels() : Vnni256GemmKernels();
    case Isa::kAvx512:
      return Avx512GemmKernels();
    case Isa::kAvx512Bf16:
      return Avx512Bf16GemmKernels();
#elif defined(__aarch64__)
    case Isa::kNeon:
      return NeonGemmKernels();
    case Isa::kDotProd:
      return DotProdGemmKernels();
    case Isa::kI8mm:
      return I8mmGemmKernels();
#endif
    default:
      return ScalarGemmKernels();
  }
}

}  // namespace puna::engine
