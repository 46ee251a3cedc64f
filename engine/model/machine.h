// What this machine can do at best, for rooms that may not see the layers.
#pragma once

#include "engine/layers/machine_peaks.h"

namespace puna::engine {

// Two rounds with `threads` threads; a few seconds.
MachinePeaks MeasureMachine(int threads);

}  // namespace puna::engine
