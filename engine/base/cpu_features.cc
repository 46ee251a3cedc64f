#include "engine/base/cpu_features.h"

#include <stdexcept>

namespace puna::engine {

const char* Name(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return "scalar";
    case Isa::kNeon:
      return "neon";
    case Isa::kDotProd:
      return "dotprod";
    case Isa::kI8mm:
      return "i8mm";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx2Vnni:
      return "avx2vnni";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Bf16:
      return "avx512bf16";
  }
  return "?";
}

Isa ChooseIsa(std::string_view name) {
  if (name == "auto") return DetectIsa();
  std::string offered = "auto";
  for (Isa isa : AvailableIsas()) {
    if (name == Name(isa)) return isa;
    offered += std::string(", ") + Name(isa);
  }
  throw std::runtime_error("isa: '" + std::string(name) +
                           "' is not available on this processor; use one of: " + offered);
}

}  // namespace puna::engine
