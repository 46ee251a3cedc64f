#include "engine/layers/paged_attention.h"

#include <algorithm>
#include <cstring>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

// Query rows that share the keys and values they stream. Enough to make the matrix units work, few enough that scores
// and sums stay in the second-level cache.
constexpr int kTileRows = 48;

// When spans are spread over the threads: as many runs for each, so that all finish together, and at most so many spans
// in one.
constexpr int kRunsPerThread = 8;
constexpr int kMaxRun = 16;

}  // namespace

struct PagedAttention::Item {
  AttentionSequence sequence;
  int kv_head = 0;
  int first_token = 0;  // of the sequence's tokens in this step
  int num_tokens = 0;
  int64_t partial = 0;  // where its partial results begin, when split

  int visible() const { return sequence.num_computed + first_token + num_tokens; }  // positions seen by the last token
  int spans() const { return (visible() + kSpan - 1) / kSpan; }
};

struct PagedAttention::Part {
  const Item* item = nullptr;
  int span = 0;

  int num_positions() const { return std::min(kSpan, item->visible() - span * kSpan); }
};

// What one thread needs for a tile of rows.
struct PagedAttention::Scratch {
  AlignedBuffer<bf16> q, weights;                    // of a bf16 cache
  AlignedBuffer<int16_t> codes, code_weights, wide;  // of an int8 cache, with a scale and a factor a row
  std::vector<float> q_scales, factors;
  AlignedBuffer<float> scores, acc, out;
  std::vector<float> max, sum;
  std::vector<RowState> states;
  std::vector<int32_t> visible;

  Scratch(int rows, int d, KvDtype dtype)
      : scores(size_t(rows) * kSpan),
        acc(size_t(rows) * d),
        out(size_t(rows) * d),
        max(rows),
        sum(rows),
        states(rows),
        visible(rows) {
    if (dtype == KvDtype::kInt8) {
      codes = AlignedBuffer<int16_t>(size_t(rows) * d);
      code_weights = AlignedBuffer<int16_t>(size_t(rows) * kSpan);
      wide = AlignedBuffer<int16_t>(WideCodes(d));
      q_scales.resize(rows);
      factors.resize(rows);
    } else {
      q = AlignedBuffer<bf16>(size_t(rows) * d);
      weights = AlignedBuffer<bf16>(size_t(rows) * kSpan);
    }
  }
};

const char* Name(KvDtype dtype) { return dtype == KvDtype::kInt8 ? "int8" : "bf16"; }

bool PagedAttention::Takes(int num_heads, int num_kv_heads, int head_dim) {
  return num_heads % num_kv_heads == 0 && head_dim % 32 == 0 && head_dim > 0 && head_dim <= kMaxHeadDim;
}

PagedAttention::PagedAttention(int num_heads, int num_kv_heads, int head_dim, KvDtype dtype, Isa isa)
    : num_kv_heads_(num_kv_heads),
      head_dim_(head_dim),
      group_(num_heads / num_kv_heads),
      dtype_(dtype),
      head_bytes_(dtype == KvDtype::kInt8 ? KvBlockBytesInt8(head_dim) : KvBlockBytesBf16(head_dim)),
      kernels_(GetAttentionKernels(isa)),
      elementwise_(GetElementwiseKernels(isa)) {
  PUNA_CHECK(Takes(num_heads, num_kv_heads, head_dim)) << num_heads << ' ' << num_kv_heads << ' ' << head_dim;
}

PagedAttention::~PagedAttention() = default;

void PagedAttention::StoreKv(const AttentionSequence& sequence, MatView<const float> k, MatView<const float> v,
                             uint8_t* layer_cache) const {
  for (int t = 0; t < sequence.num_rows; ++t) {
    const int position = sequence.num_computed + t;
    for (int head = 0; head < num_kv_heads_; ++head) {
      const KvBlock block = BlockAt(layer_cache, sequence.block_table[position / kSlots], head);
      const float* key = k.row(sequence.first_row + t) + int64_t{head} * head_dim_;
      const float* value = v.row(sequence.first_row + t) + int64_t{head} * head_dim_;
      const auto store = dtype_ == KvDtype::kInt8 ? kernels_.store_kv_int8 : kernels_.store_kv;
      store(key, value, head_dim_, position % kSlots, block);
    }
  }
}

void PagedAttention::PlanItems(std::span<const AttentionSequence> sequences) {
  items_.clear();
  const int tile_tokens = std::max(1, kTileRows / group_);
  for (const AttentionSequence& sequence : sequences) {
    for (int t = 0; t < sequence.num_rows; t += tile_tokens) {
      for (int head = 0; head < num_kv_heads_; ++head) {
        items_.push_back({sequence, head, t, std::min(tile_tokens, sequence.num_rows - t), 0});
      }
    }
  }
  // The longest first: what is left at the end is short, and the threads finish together.
  std::stable_sort(items_.begin(), items_.end(),
                   [](const Item& a, const Item& b) { return a.visible() > b.visible(); });
}

void PagedAttention::Forward(std::span<const AttentionSequence> sequences, MatView<const float> q,
                             const uint8_t* layer_cache, MatView<float> out, ThreadTeam& team) {
  const int rows = std::max(kTileRows, group_);
  while (static_cast<int>(scratch_.size()) < team.size()) scratch_.emplace_back(rows, head_dim_, dtype_);
  PlanItems(sequences);
  const bool few = static_cast<int>(items_.size()) < 4 * team.size() && team.size() > 1;
  if (few && !items_.empty() && items_.front().spans() > 1) return SplitItems(q, layer_cache, out, team);
  team.ForEach(static_cast<int64_t>(items_.size()),
               [&](int64_t i, int thread) { WholeItem(items_[i], q, layer_cache, out, scratch_[thread]); });
}

// Rows of an item: token after token, the query heads of the group beside each other, rounded as the cache's kernels take them.
void PagedAttention::GatherQueries(const Item& item, MatView<const float> q, Scratch& scratch) const {
  for (int row = 0; row < item.num_tokens * group_; ++row) {
    const int64_t head = int64_t{item.kv_head} * group_ + row % group_;
    const float* from = q.row(item.sequence.first_row + item.first_token + row / group_) + head * head_dim_;
    if (dtype_ == KvDtype::kInt8) {
      scratch.q_scales[row] = kernels_.round_query(from, head_dim_, scratch.codes.data() + int64_t{row} * head_dim_);
    } else {
      elementwise_.to_bf16(from, head_dim_, scratch.q.data() + int64_t{row} * head_dim_);
    }
  }
}

int64_t PagedAttention::code_bytes() const {
  return KvBlockElements(head_dim_) / 2 * (dtype_ == KvDtype::kInt8 ? 1 : 2);
}

template <typename Byte>
KvBlockAt<Byte> PagedAttention::BlockAt(Byte* layer_cache, int32_t block, int kv_head) const {
  const int64_t codes = code_bytes();
  const int64_t first = int64_t{block} / kStripBlocks * kStripBlocks, place = block - first;
  Byte* keys = layer_cache + first * block_bytes() + kv_head * kStripBlocks * head_bytes_;
  Byte* values = keys + kStripBlocks * codes;
  Byte* scales = values + kStripBlocks * codes;
  return {keys + place * codes, values + place * codes, scales + place * (head_bytes_ - 2 * codes)};
}

void PagedAttention::CopyBlock(int32_t from, int32_t to, uint8_t* layer_cache) const {
  const int64_t codes = code_bytes();
  for (int head = 0; head < num_kv_heads_; ++head) {
    const KvBlock source = BlockAt(layer_cache, from, head), target = BlockAt(layer_cache, to, head);
    std::memcpy(target.keys, source.keys, codes);
    std::memcpy(target.values, source.values, codes);
    std::memcpy(target.scales, source.scales, head_bytes_ - 2 * codes);
  }
}

void PagedAttention::ReadBlock(int32_t block, const uint8_t* layer_cache, uint8_t* bytes) const {
  const int64_t codes = code_bytes();
  for (int head = 0; head < num_kv_heads_; ++head, bytes += head_bytes_) {
    const ConstKvBlock source = BlockAt(layer_cache, block, head);
    std::memcpy(bytes, source.keys, codes);
    std::memcpy(bytes + codes, source.values, codes);
    std::memcpy(bytes + 2 * codes, source.scales, head_bytes_ - 2 * codes);
  }
}

void PagedAttention::WriteBlock(int32_t block, const uint8_t* bytes, uint8_t* layer_cache) const {
  const int64_t codes = code_bytes();
  for (int head = 0; head < num_kv_heads_; ++head, bytes += head_bytes_) {
    const KvBlock target = BlockAt(layer_cache, block, head);
    std::memcpy(target.keys, bytes, codes);
    std::memcpy(target.values, bytes + codes, codes);
    std::memcpy(target.scales, bytes + 2 * codes, head_bytes_ - 2 * codes);
  }
}

ConstKvBlock PagedAttention::HeadBlock(const Item& item, int block, const uint8_t* layer_cache) const {
  return BlockAt(layer_cache, item.sequence.block_table[block], item.kv_head);
}

// Where the blocks of a span lie, and those of the span that is wanted next.
struct PagedAttention::SpanBlocks {
  const uint8_t *keys[kSpanBlocks], *values[kSpanBlocks], *next_keys[kSpanBlocks], *next_values[kSpanBlocks];
  const float *k_scales[kSpanBlocks], *v_scales[kSpanBlocks];  // int8
};

void PagedAttention::FindBlocks(const Part& part, const Part* next, const uint8_t* layer_cache,
                                SpanBlocks& blocks) const {
  for (int b = 0; b * kSlots < part.num_positions(); ++b) {
    const ConstKvBlock block = HeadBlock(*part.item, part.span * kSpanBlocks + b, layer_cache);
    blocks.keys[b] = block.keys;
    blocks.values[b] = block.values;
    blocks.k_scales[b] = reinterpret_cast<const float*>(block.scales);
    blocks.v_scales[b] = blocks.k_scales[b] + kSlots;
    if (next == nullptr) continue;
    const int last = (next->num_positions() - 1) / kSlots;
    const ConstKvBlock ahead = HeadBlock(*next->item, next->span * kSpanBlocks + std::min(b, last), layer_cache);
    blocks.next_keys[b] = ahead.keys;
    blocks.next_values[b] = ahead.values;
  }
}

// next: the part that this thread computes next, or null. Its blocks are fetched meanwhile; otherwise memory would rest while
// we compute.
void PagedAttention::AttendSpan(const Part& part, const Part* next, const uint8_t* layer_cache, Scratch& scratch,
                                float* max, float* sum, float* acc) const {
  const Item& item = *part.item;
  SpanBlocks blocks;
  FindBlocks(part, next, layer_cache, blocks);
  for (int t = 0; t < item.num_tokens; ++t) {
    const int visible = item.sequence.num_computed + item.first_token + t + 1 - part.span * kSpan;
    std::fill_n(scratch.visible.data() + t * group_, group_, visible);
  }
  const auto common = [&](auto& task) {
    task.rows = item.num_tokens * group_;
    task.head_dim = head_dim_;
    task.num_positions = part.num_positions();
    task.visible = scratch.visible.data();
    task.scores = scratch.scores.data();
    task.max = max;
    task.sum = sum;
    task.acc = acc;
    task.next_keys = next != nullptr ? blocks.next_keys : nullptr;
    task.next_values = next != nullptr ? blocks.next_values : nullptr;
    task.keys = blocks.keys;
    task.values = blocks.values;
  };
  if (dtype_ == KvDtype::kInt8) {
    Int8SpanTask task;
    common(task);
    task.q = scratch.codes.data();
    task.q_scales = scratch.q_scales.data();
    task.k_scales = blocks.k_scales;
    task.v_scales = blocks.v_scales;
    task.weights = scratch.code_weights.data();
    task.factors = scratch.factors.data();
    task.wide = scratch.wide.data();
    kernels_.attend_span_int8(task);
  } else {
    SpanTask task;
    common(task);
    task.q = scratch.q.data();
    task.weights = scratch.weights.data();
    kernels_.attend_span(task);
  }
}

void PagedAttention::Finish(const Item& item, const RowState* states, const float* acc, MatView<float> out) const {
  for (int row = 0; row < item.num_tokens * group_; ++row) {
    const int token = item.sequence.first_row + item.first_token + row / group_;
    float* y = out.row(token) + (int64_t{item.kv_head} * group_ + row % group_) * head_dim_;
    for (int i = 0; i < head_dim_; ++i) y[i] = acc[int64_t{row} * head_dim_ + i] / states[row].sum;
  }
}

void PagedAttention::WholeItem(const Item& item, MatView<const float> q, const uint8_t* layer_cache, MatView<float> out,
                               Scratch& scratch) const {
  const int rows = item.num_tokens * group_;
  GatherQueries(item, q, scratch);
  std::fill_n(scratch.states.begin(), rows, RowState{});
  for (int span = 0; span < item.spans(); ++span) {
    const Part part{&item, span}, next{&item, span + 1};
    AttendSpan(part, next.span < item.spans() ? &next : nullptr, layer_cache, scratch, scratch.max.data(),
               scratch.sum.data(), scratch.acc.data());
    for (int r = 0; r < rows; ++r) {
      kernels_.merge(scratch.max[r], scratch.sum[r], scratch.acc.data() + int64_t{r} * head_dim_, head_dim_,
                     &scratch.states[r], scratch.out.data() + int64_t{r} * head_dim_);
    }
  }
  Finish(item, scratch.states.data(), scratch.out.data(), out);
}

// Few rows against a long context: a task is a run of spans; a second round merges them, in the same order as above.
void PagedAttention::SplitItems(MatView<const float> q, const uint8_t* layer_cache, MatView<float> out,
                                ThreadTeam& team) {
  std::vector<Part> parts;
  int64_t room = 0;
  for (size_t i = 0; i < items_.size(); ++i) {
    items_[i].partial = room;
    for (int span = 0; span < items_[i].spans(); ++span) parts.push_back({&items_[i], span});
    room += int64_t{items_[i].spans()} * items_[i].num_tokens * group_ * (head_dim_ + 2);
  }
  if (static_cast<int64_t>(partials_.size()) < room) partials_ = AlignedBuffer<float>(room);
  const auto partial = [&](const Item& item, int span) {
    return partials_.data() + item.partial + int64_t{span} * item.num_tokens * group_ * (head_dim_ + 2);
  };
  const auto num_parts = static_cast<int64_t>(parts.size());
  const int64_t run = std::clamp<int64_t>(num_parts / (kRunsPerThread * team.size()), 1, kMaxRun);
  team.ForEach((num_parts + run - 1) / run, [&](int64_t task, int thread) {
    const int64_t end = std::min(num_parts, (task + 1) * run);
    for (int64_t p = task * run; p < end; ++p) {
      const Item& item = *parts[p].item;
      Scratch& scratch = scratch_[thread];
      const int rows = item.num_tokens * group_;
      GatherQueries(item, q, scratch);
      float* result = partial(item, parts[p].span);
      AttendSpan(parts[p], p + 1 < end ? &parts[p + 1] : nullptr, layer_cache, scratch, result, result + rows,
                 result + 2 * rows);
    }
  });
  team.ForEach(static_cast<int64_t>(items_.size()), [&](int64_t i, int thread) {
    const Item& item = items_[i];
    Scratch& scratch = scratch_[thread];
    const int rows = item.num_tokens * group_;
    std::fill_n(scratch.states.begin(), rows, RowState{});
    for (int span = 0; span < item.spans(); ++span) {
      const float* part = partial(item, span);
      for (int r = 0; r < rows; ++r) {
        kernels_.merge(part[r], part[rows + r], part + 2 * rows + int64_t{r} * head_dim_, head_dim_, &scratch.states[r],
                       scratch.out.data() + int64_t{r} * head_dim_);
      }
    }
    Finish(item, scratch.states.data(), scratch.out.data(), out);
  });
}

}  // namespace puna::engine
