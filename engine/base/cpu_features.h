// Instruction sets that our kernels come in, and which of them this processor has.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace puna::engine {

// In rising order; a processor that has one can run the ones before it.
enum class Isa {
  kScalar,      // plain C++, the reference
  kAvx2,        // AVX2, FMA, F16C
  kAvx2Vnni,    // and 256-bit VNNI, in either encoding: AVX-VNNI, or AVX-512VL with VNNI
  kAvx512,      // AVX-512 F/BW/VL/DQ with VNNI
  kAvx512Bf16,  // and AVX512_BF16
};

const char* Name(Isa isa);

// Whether 256-bit VNNI comes in the VEX encoding (AVX-VNNI).
bool HasVexVnni();

// The best set that this processor and operating system offer.
Isa DetectIsa();

// "auto" or a name of Name(). Throws std::runtime_error when unknown or not offered here, naming what is.
Isa ChooseIsa(std::string_view name);

// All sets this machine can run, for tests that force each.
std::vector<Isa> AvailableIsas();

}  // namespace puna::engine
