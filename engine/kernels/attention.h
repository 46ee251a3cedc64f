// Attention of a few query rows over one span of the paged cache, for one key/value head.
//
// The context is cut into spans of kSpan positions, counted from position 0. Inside a span the softmax is exact (one maximum,
// one sum); spans are merged in rising order (Merge). Whoever computes a row - decode or prefill, alone or in a tile, one thread
// or many - walks the same spans with the same arithmetic, so the row's bits are always the same.
// Online softmax over tiles: Milakov and Gimelshein 2018; Dao et al. 2022 (FlashAttention).
//
// One block of one head, bf16: keys [d / 2][16 slots][2] and values [8 slot pairs][d][2]. Both are what a dot product of bf16
// pairs wants to read in order. int8: the same order in codes of one byte, and the scales of the 16 keys and of the 16 values
// in float32. Codes are integers that bf16 holds exactly, so that the same kernels run over an unpacked block; a key's scale
// goes to its score, a value's to its weight.
#pragma once

#include <cstdint>

#include "engine/base/bf16.h"
#include "engine/base/cpu_features.h"

namespace puna::engine {

inline constexpr int kSlots = 16;            // positions in a block
inline constexpr int kSpan = 256;            // positions in a span
inline constexpr int kSpanBlocks = kSpan / kSlots;
inline constexpr int kMaxHeadDim = 512;

// Codes of one block of one head, and its bytes.
inline constexpr int64_t KvBlockElements(int head_dim) { return int64_t{2} * kSlots * head_dim; }
inline constexpr int64_t KvBlockBytesBf16(int head_dim) { return KvBlockElements(head_dim) * 2; }
inline constexpr int64_t KvBlockBytesInt8(int head_dim) { return KvBlockElements(head_dim) + 2 * kSlots * 4; }

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
  const bf16* q = nullptr;               // [rows, d], already times log2(e) / sqrt(d)
  int rows = 0;
  int head_dim = 0;                      // a multiple of 32
  const bf16* const* keys = nullptr;     // [(num_positions + 15) / 16], each of one block of this head
  const bf16* const* values = nullptr;   // likewise
  const bf16* const* next_keys = nullptr;    // [kSpanBlocks]: what is wanted next, fetched meanwhile; null: nothing
  const bf16* const* next_values = nullptr;
  int num_positions = 0;
  const float* k_scales = nullptr;       // [num_positions rounded up to 16]; null: keys and values are as they are
  const float* v_scales = nullptr;
  const int32_t* visible = nullptr;      // [rows]: how many of the span's positions the row may see; <= 0: none
  float* scores = nullptr;               // scratch [rows, kSpan]
  bf16* weights = nullptr;               // scratch [rows, kSpan]
  float* max = nullptr;                  // out [rows]: largest score (base 2)
  float* sum = nullptr;                  // out [rows]: sum of 2^(score - max); 0 where nothing is visible
  float* acc = nullptr;                  // out [rows, d]: sum of weight * value; on the way scratch
};

// The running result of one row.
struct RowState {
  float max = 0;
  float sum = 0;  // 0: nothing yet
};

struct AttentionKernels {
  void (*attend_span)(const SpanTask& task);

  // Merges a span's (max, sum, acc) into the running row (state, out [d]).
  void (*merge)(float max, float sum, const float* acc, int64_t d, RowState* state, float* out);

  // Puts one position's key and value [d] into its slot of a block. Slots are filled in order: the odd partner of an even slot
  // is cleared, so that a value pair never holds another sequence's leftovers.
  void (*store_kv)(const float* k, const float* v, int64_t d, int slot, const KvBlock& block);

  // The same, rounded to int8 under one scale for the key and one for the value (largest magnitude / 127).
  void (*store_kv_int8)(const float* k, const float* v, int64_t d, int slot, const KvBlock& block);

  // An int8 block's codes as bf16, keys and then values [KvBlockElements(d)], its scales to k_scales [16] and v_scales [16].
  // next: a block that is wanted next, fetched meanwhile; null: none.
  void (*unpack_int8)(const ConstKvBlock& block, const ConstKvBlock* next, int64_t d, bf16* out, float* k_scales,
                      float* v_scales);
};

const AttentionKernels& GetAttentionKernels(Isa isa);

}  // namespace puna::engine
