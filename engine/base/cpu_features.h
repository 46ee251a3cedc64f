// Instruction sets that our kernels come in, and which of them this processor has.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace puna::engine {

// In rising order within an architecture; a processor that has one can run the ones before it.
enum class Isa {
  kScalar,  // plain C++, the reference

  // ARM64
  kNeon,     // what every ARM64 processor has
  kDotProd,  // and dot products of four bytes (FEAT_DotProd: Cortex-A76, Neoverse N1, Apple M1 and later)
  kI8mm,     // and products of small int8 matrices (FEAT_I8MM: Neoverse V1 and N2, Apple M2 and later)

  // x86-64
  kAvx2,        // AVX2, FMA, F16C
  kAvx2Vnni,    // and 256-bit VNNI, in either encoding: AVX-VNNI, or AVX-512VL with VNNI
  kAvx512,      // AVX-512 F/BW/VL/DQ with VNNI
  kAvx512Bf16,  // and AVX512_BF16
};

const char* Name(Isa isa);

// Whether 256-bit VNNI comes in the VEX encoding (AVX-VNNI). x86-64 only.
bool HasVexVnni();

// The best set that this processor and operating system offer.
Isa DetectIsa();

// "auto" or a name of Name(). Throws std::runtime_error when unknown or not offered here, naming what is.
Isa ChooseIsa(std::string_view name);

// All sets this machine can run, for tests that force each.
std::vector<Isa> AvailableIsas();

}  // namespace puna::engine
