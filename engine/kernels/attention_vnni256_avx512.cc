// Attention with 256-bit VNNI in the encoding of AVX-512VL: what attention_avx2vnni.cc computes, for processors that have AVX-512
// but not AVX-VNNI.

#define PUNA_HALF_REGISTERS
#include "engine/kernels/attention_int8.inc"

namespace puna::engine {

const AttentionKernels& Avx2AttentionKernels();

const AttentionKernels& Vnni256AttentionKernels() {
  static const AttentionKernels kernels = [] {
    AttentionKernels k = Avx2AttentionKernels();
    k.attend_span_int8 = AttendSpanInt8;
    k.round_query = RoundQuery;
    return k;
  }();
  return kernels;
}

}  // namespace puna::engine
