#include "engine/kernels/ceiling.h"

namespace puna::engine {

Ceilings GetCeilings(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kAvx2:
      return Avx2Ceilings();
    case Isa::kAvx2Vnni:
      return HasVexVnni() ? Avx2VnniCeilings() : Vnni256Ceilings();
    case Isa::kAvx512:
      return Avx512Ceilings();
    case Isa::kAvx512Bf16:
      return Avx512Bf16Ceilings();
#endif
    default:
      return {};
  }
}

}  // namespace puna::engine
