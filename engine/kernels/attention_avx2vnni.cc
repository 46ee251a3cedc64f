// Attention with 256-bit VNNI in the encoding of desktop processors (AVX-VNNI).

#include "engine/kernels/attention_int8.inc"

namespace puna::engine {

const AttentionKernels& Avx2AttentionKernels();

const AttentionKernels& Avx2VnniAttentionKernels() {
  static const AttentionKernels kernels = [] {
    AttentionKernels k = Avx2AttentionKernels();
    k.attend_span_int8 = AttendSpanInt8;
    k.round_query = RoundQuery;
    return k;
  }();
  return kernels;
}

}  // namespace puna::engine
