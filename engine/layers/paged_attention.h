// PagedAttention: attention of one step's tokens over the paged KV cache of one layer.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/base/bf16.h"
#include "engine/base/cpu_features.h"
#include "engine/base/thread_team.h"
#include "engine/base/views.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/elementwise.h"

namespace puna::engine {

// One sequence's tokens in the step: rows [first_row, first_row + num_rows) of q stand at positions
// [num_computed, num_computed + num_rows). Block ids as the KV cache numbers them.
struct AttentionSequence {
  int32_t first_row = 0;
  int32_t num_rows = 0;
  int32_t num_computed = 0;
  std::span<const int32_t> block_table;
};

// How keys and values are kept.
enum class KvDtype {
  kBf16,
  kInt8,  // with a scale per position and head
};

const char* Name(KvDtype dtype);

class PagedAttention {
 public:
  // Whether it can be made: heads a multiple of kv heads, head_dim a multiple of 32 up to kMaxHeadDim.
  static bool Takes(int num_heads, int num_kv_heads, int head_dim);

  PagedAttention(int num_heads, int num_kv_heads, int head_dim, KvDtype dtype, Isa isa);
  ~PagedAttention();

  // A layer's cache is cut into strips of kStripBlocks blocks, each [kv head]{keys [block], values [block], int8:
  // scales [block]}. Blocks that follow each other, as most of one sequence do, so lie in long runs for each head: with
  // a block's heads side by side, and its values behind its keys, memory gave 19 GB/s of 32.
  static constexpr int kStripBlocks = 8;

  // Bytes that one block takes in one layer. A cache holds whole strips.
  int64_t block_bytes() const { return num_kv_heads_ * head_bytes_; }
  static int WholeStrips(int num_blocks) { return (num_blocks + kStripBlocks - 1) / kStripBlocks * kStripBlocks; }

  // Copies a block within a layer's cache.
  void CopyBlock(int32_t from, int32_t to, uint8_t* layer_cache) const;

  // A block as bytes [block_bytes()], head after head: keys, values, scales as the kernels have them.
  void ReadBlock(int32_t block, const uint8_t* layer_cache, uint8_t* bytes) const;
  void WriteBlock(int32_t block, const uint8_t* bytes, uint8_t* layer_cache) const;

  // Writes keys and values [tokens, num_kv_heads * head_dim] of a sequence's tokens to a layer's cache.
  void StoreKv(const AttentionSequence& sequence, MatView<const float> k, MatView<const float> v,
               uint8_t* layer_cache) const;

  // q [tokens, num_heads * head_dim], already times log2(e) / sqrt(head_dim); out likewise. The cache holds keys and values of
  // all positions the rows may see, the rows' own included.
  void Forward(std::span<const AttentionSequence> sequences, MatView<const float> q, const uint8_t* layer_cache,
               MatView<float> out, ThreadTeam& team);

 private:
  struct Item;  // a tile of rows of one sequence against one kv head
  struct Scratch;
  void PlanItems(std::span<const AttentionSequence> sequences);
  void GatherQueries(const Item& item, MatView<const float> q, Scratch& scratch) const;
  struct Part;  // a span of an item
  struct SpanBlocks;
  void FindBlocks(const Part& part, const Part* next, const uint8_t* layer_cache, SpanBlocks& blocks) const;
  void AttendSpan(const Part& part, const Part* next, const uint8_t* layer_cache, Scratch& scratch, float* max,
                  float* sum, float* acc) const;
  void Finish(const Item& item, const RowState* states, const float* acc, MatView<float> out) const;
  void WholeItem(const Item& item, MatView<const float> q, const uint8_t* layer_cache, MatView<float> out,
                 Scratch& scratch) const;
  void SplitItems(MatView<const float> q, const uint8_t* layer_cache, MatView<float> out, ThreadTeam& team);

  int64_t code_bytes() const;  // of the keys, or of the values, of one head in one block
  template <typename Byte>
  KvBlockAt<Byte> BlockAt(Byte* layer_cache, int32_t block, int kv_head) const;
  ConstKvBlock HeadBlock(const Item& item, int block, const uint8_t* layer_cache) const;

  int num_kv_heads_, head_dim_, group_;
  KvDtype dtype_;
  int64_t head_bytes_;  // of one head in one block
  const AttentionKernels& kernels_;
  const ElementwiseKernels& elementwise_;
  std::vector<Item> items_;
  std::vector<Scratch> scratch_;   // one a thread
  AlignedBuffer<float> partials_;  // of split items: [item][span][rows][max, sum, acc]
};

}  // namespace puna::engine
