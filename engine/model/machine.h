// What this machine can do at best, for rooms that may not see the layers.
#pragma once

#include "engine/layers/machine_peaks.h"  // MachineMeter
