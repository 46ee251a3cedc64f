#include "engine/kernels/attention_tiles.inc"

#include "engine/kernels/attention.inc"

namespace puna::engine {

const AttentionKernels& NeonAttentionKernels() { return kKernels; }

}  // namespace puna::engine
