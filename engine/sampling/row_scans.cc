#include "engine/sampling/row_scans.h"

namespace puna::engine {

const RowScans& ScalarRowScans();
const RowScans& Avx2RowScans();
const RowScans& Avx512RowScans();

const RowScans& GetRowScans(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kAvx2:
    case Isa::kAvx2Vnni:
      return Avx2RowScans();
    case Isa::kAvx512:
    case Isa::kAvx512Bf16:
      return Avx512RowScans();
#endif
    default:  // also ARM64's sets: the vectors of plain C++ are NEON's registers there
      return ScalarRowScans();
  }
}

}  // namespace puna::engine
