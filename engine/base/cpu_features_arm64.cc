// What the kernel says about an ARM64 processor: Linux, Documentation/arm64/elf_hwcaps.rst.

#include <asm/hwcap.h>
#include <sys/auxv.h>

#include "engine/base/cpu_features.h"

namespace puna::engine {

Isa DetectIsa() {
  if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) == 0) return Isa::kNeon;
  return (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0 ? Isa::kI8mm : Isa::kDotProd;
}

std::vector<Isa> AvailableIsas() {
  std::vector<Isa> isas;
  for (Isa isa : {Isa::kScalar, Isa::kNeon, Isa::kDotProd, Isa::kI8mm}) {
    if (isa <= DetectIsa()) isas.push_back(isa);
  }
  return isas;
}

}  // namespace puna::engine
