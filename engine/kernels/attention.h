// Attention of a few query rows over one span of the paged cache, for one key/value head.
//
// The context is cut into spans of kSpan positions, counted from position 0. Inside a span the softmax is exact (one
// maximum, one sum); spans are merged in rising order (Merge). Whoever computes a row - decode or prefill, alone or in
// a tile, one thread or many - walks the same spans with the same arithmetic, so the row's bits are always the same.
// Online softmax over tiles: Milakov and Gimelshein 2018; Dao et al. 2022 (FlashAttention).
//
// One block of one head, bf16: keys [d / 2][16 slots][2] and values [8 slot pairs][d][2]. Both are what a dot product of pairs
// wants to read in order. int8: the same order in codes of one byte, and the scales of the 16 keys and of the 16 values in
// float32. A key's scale goes to its score, a value's to its weight; what is between is integers (attention_int8.inc).
#pragma once

#include <cstdint>

#include "engine/base/bf16.h"
#include "engine/base/cpu_features.h"

namespace puna::engine {

inline constexpr int kSlots = 16;  // positions in a block
inline constexpr int kSpan = 256;  // positions in a span
inline constexpr int kSpanBlocks = kSpan / kSlots;
inline constexpr int kMaxHeadDim = 512;

// Codes of one block of one head, and its bytes.
inline constexpr int64_t KvBlockElements(int head_dim) { return int64_t{2} * kSlots * head_dim; }
inline constexpr int64_t KvBlockBytesBf16(int head_dim) { return KvBlockElements(head_dim) * 2; }
inline constexpr int64_t KvBlockBytesInt8(int head_dim) { return KvBlockElements(head_dim) + 2 * kSlots * 4; }

// 16-bit codes of four blocks' keys, or of 64 dimensions of a span's values, whichever is more.
inline constexpr int64_t WideCodes(int head_dim) { return int64_t{64} * (head_dim > kSpan ? head_dim : kSpan); }

// Where one block of one head is; the scales only of int8.
template <typename Byte>
struct KvBlockAt {
  Byte* keys = nullptr;
  Byte* values = nullptr;
  Byte* scales = nullptr;
};
using KvBlock = KvBlockAt<uint8_t>;
using ConstKvBlock = KvBlockAt<const uint8_t>;

// Brings a line of memory as near as the second-level cache.
[[gnu::always_inline]] static inline void Fetch(const void* p) { __builtin_prefetch(p, 0, 2); }

// Query rows against positions [first, first + num_positions) of one head, num_positions in [1, kSpan].
struct SpanTask {
  const bf16* q = nullptr;  // [rows, d], already times log2(e) / sqrt(d)
  int rows = 0;
  int head_dim = 0;                           // a multiple of 32
  const uint8_t* const* keys = nullptr;       // [(num_positions + 15) / 16], each of one block of this head
  const uint8_t* const* values = nullptr;     // likewise
  const uint8_t* const* next_keys = nullptr;  // [kSpanBlocks]: what is wanted next, fetched meanwhile; null: nothing
  const uint8_t* const* next_values = nullptr;
  int num_positions = 0;
  const int32_t* visible = nullptr;  // [rows]: how many of the span's positions the row may see; <= 0: none
  float* scores = nullptr;           // scratch [rows, kSpan]
  bf16* weights = nullptr;           // scratch [rows, kSpan]
  float* max = nullptr;              // out [rows]: largest score (base 2)
  float* sum = nullptr;              // out [rows]: sum of 2^(score - max); 0 where nothing is visible
  float* acc = nullptr;              // out [rows, d]: sum of weight * value; on the way scratch
};

// The same over int8 blocks. Queries are codes under a scale for each row (AttentionKernels::round_query).
struct Int8SpanTask {
  const int16_t* q = nullptr;       // [rows, d]
  const float* q_scales = nullptr;  // [rows]
  int rows = 0;
  int head_dim = 0;                      // a multiple of 32
  const uint8_t* const* keys = nullptr;  // as above
  const uint8_t* const* values = nullptr;
  const float* const* k_scales = nullptr;  // of the blocks, each [16]
  const float* const* v_scales = nullptr;
  const uint8_t* const* next_keys = nullptr;
  const uint8_t* const* next_values = nullptr;
  int num_positions = 0;
  const int32_t* visible = nullptr;
  float* scores = nullptr;     // scratch [rows, kSpan]
  int16_t* weights = nullptr;  // scratch [rows, kSpan]
  float* factors = nullptr;    // scratch [rows]
  int16_t* wide = nullptr;     // scratch [WideCodes(d)], at a multiple of 64 bytes
  float* max = nullptr;        // out, as above
  float* sum = nullptr;
  float* acc = nullptr;
};

// The running result of one row.
struct RowState {
  float max = 0;
  float sum = 0;  // 0: nothing yet
};

struct AttentionKernels {
  void (*attend_span)(const SpanTask& task);
  void (*attend_span_int8)(const Int8SpanTask& task);

  // codes [d] of a query, round(q / scale) with scale = largest magnitude / 32767, which is returned.
  float (*round_query)(const float* q, int64_t d, int16_t* codes);

  // Merges a span's (max, sum, acc) into the running row (state, out [d]).
  void (*merge)(float max, float sum, const float* acc, int64_t d, RowState* state, float* out);

  // Puts one position's key and value [d] into its slot of a block. Slots are filled in order: the odd partner of an
  // even slot is cleared, so that a value pair never holds another sequence's leftovers.
  void (*store_kv)(const float* k, const float* v, int64_t d, int slot, const KvBlock& block);

  // The same, rounded to int8 under one scale for the key and one for the value (largest magnitude / 127).
  void (*store_kv_int8)(const float* k, const float* v, int64_t d, int slot, const KvBlock& block);
};

const AttentionKernels& GetAttentionKernels(Isa isa);

}  // namespace puna::engine
