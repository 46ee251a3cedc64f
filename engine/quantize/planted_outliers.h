// A model with the same function and worse numbers: what large language models grow by themselves,
// planted where it can be measured.
#pragma once

#include "engine/checkpoint/sources/checkpoint.h"

namespace puna::engine {

// Makes every 32nd channel of what goes into the linears `factor` times larger, and the weights
// that take it as much smaller: of the normed residual stream (gains up, columns of q, k, v, gate
// and up down), of the values (rows of v up, columns of o down) and of down_proj's input (rows of
// up up, its columns down). With a power of two every product is the same as before, in bf16 too;
// only rounding sees a difference.
Checkpoint PlantOutliers(Checkpoint checkpoint, float factor);

}  // namespace puna::engine
