// The rate of a well-tuned library's matmul, as a limit to hold our own kernels against: oneDNN's, where it is part of the build.
#pragma once

#include "engine/base/cpu_features.h"
#include "engine/base/thread_team.h"

namespace puna::engine {

enum class MatmulTypes {
  kBf16,     // bf16 x bf16 -> float32
  kFloat32,  // float32 x float32 -> float32
  kInt8,     // u8 x s8 -> int32
};

// Operations a second, one matmul a thread, the best of a few shapes around 128..512 rows, K 3072 and 8192. 0: there is no such
// matmul here.
double MatmulPeak(MatmulTypes types, ThreadTeam& team);

// Keeps the library to an instruction set that the operator has forced below this processor's own. Before its first matmul in this
// process: throws std::runtime_error when it is too late.
void LimitPeaksTo(Isa isa);

}  // namespace puna::engine
