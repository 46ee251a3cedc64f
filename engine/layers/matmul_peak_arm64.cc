// ARM64 is built without oneDNN (onednn_panels_arm64.cc): our own kernels' rates are the limit that is shown.

#include "engine/layers/matmul_peak.h"

namespace puna::engine {

double MatmulPeak(MatmulTypes, ThreadTeam&) { return 0; }

void LimitPeaksTo(Isa) {}

}  // namespace puna::engine
