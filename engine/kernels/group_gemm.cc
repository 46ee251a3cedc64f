#include "engine/kernels/group_gemm.h"

#include <cstring>

namespace puna::engine {

const GroupProduct& GetGroupProduct(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kAvx2:
      return Avx2GroupProduct();
    case Isa::kAvx2Vnni:
      return HasVexVnni() ? Avx2VnniGroupProduct() : Vnni256GroupProduct();
    case Isa::kAvx512:
    case Isa::kAvx512Bf16:
      return Avx512GroupProduct();
#endif
    default:
      return ScalarGroupProduct();
  }
}

int64_t SummedRowBytes(int64_t k) { return k + k / kSumColumns * 4; }

void SummedRow(const int8_t* row, int, int64_t k, uint8_t* out) {
  std::memcpy(out, row, static_cast<size_t>(k));
  for (int64_t i = 0; i < k / kSumColumns; ++i) {
    int32_t sum = 0;
    for (int j = 0; j < kSumColumns; ++j) sum += row[i * kSumColumns + j];
    std::memcpy(out + k + 4 * i, &sum, 4);
  }
}

}  // namespace puna::engine
