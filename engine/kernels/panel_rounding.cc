#include "engine/kernels/panel_rounding.h"

namespace puna::engine {

const PanelRounding& GetPanelRounding(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::kAvx2:
    case Isa::kAvx2Vnni:
      return Avx2PanelRounding();
    case Isa::kAvx512:
    case Isa::kAvx512Bf16:
      return Avx512PanelRounding();
#endif
    default:  // also ARM64's sets: the vectors of plain C++ are NEON's registers there
      return ScalarPanelRounding();
  }
}

}  // namespace puna::engine
