#include <cpuid.h>

#include "engine/base/cpu_features.h"

namespace puna::engine {
namespace {

constexpr Isa kAll[] = {Isa::kScalar, Isa::kAvx2, Isa::kAvx2Vnni, Isa::kAvx512, Isa::kAvx512Bf16};

bool HasAvx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");  // F16C is older than AVX2
}

bool HasAvx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}

}  // namespace

// Leaf 7, subleaf 1, EAX bit 4; __builtin_cpu_supports of g++ 12 does not know it. The registers are AVX2's.
bool HasVexVnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & (1u << 4)) != 0 && HasAvx2();
}

Isa DetectIsa() {
  __builtin_cpu_init();
  if (!HasAvx2()) return Isa::kScalar;
  if (!HasAvx512()) return HasVexVnni() ? Isa::kAvx2Vnni : Isa::kAvx2;
  return __builtin_cpu_supports("avx512bf16") ? Isa::kAvx512Bf16 : Isa::kAvx512;
}

std::vector<Isa> AvailableIsas() {
  std::vector<Isa> isas;
  for (Isa isa : kAll) {
    if (isa <= DetectIsa()) isas.push_back(isa);
  }
  return isas;
}

}  // namespace puna::engine
