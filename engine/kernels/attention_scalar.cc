#define PUNA_PLAIN_PAIRS  // the reference of ARM64's sets, too
#include "engine/kernels/attention_tiles.inc"

#include "engine/kernels/attention.inc"

namespace puna::engine {

const AttentionKernels& ScalarAttentionKernels() { return kKernels; }

}  // namespace puna::engine
