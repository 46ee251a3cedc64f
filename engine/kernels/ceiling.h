// How fast a set can issue the instructions of a kernel's inner loop: the same ones in the same numbers, on registers alone. What
// the kernel lacks of that rate goes into loads, unpacking and whatever else stands between.
#pragma once

#include <cstdint>

#include "engine/base/cpu_features.h"

namespace puna::engine {

struct CeilingLoop {
  void (*run)(int64_t rounds) = nullptr;  // null: the set has no such loop
  double operations = 0;                  // of one round, two for each product
};

struct Ceilings {
  CeilingLoop int4;  // groups of 32 codes: 16-bit or VNNI sums, and a float step for each
  CeilingLoop int8;  // exact sums of 32 bits
  CeilingLoop bf16;
};

// ARM64 and the plain kernels have none.
Ceilings GetCeilings(Isa isa);

// Behind it, one file each.
Ceilings Avx2Ceilings();
Ceilings Avx2VnniCeilings();
Ceilings Vnni256Ceilings();
Ceilings Avx512Ceilings();
Ceilings Avx512Bf16Ceilings();

}  // namespace puna::engine
