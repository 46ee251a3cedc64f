#include "engine/kernels/attention_tiles.inc"

#include "engine/kernels/attention.inc"

namespace puna::engine {

const AttentionKernels& Avx2AttentionKernels() { return kKernels; }

}  // namespace puna::engine
