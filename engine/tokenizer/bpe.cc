#include "engine/tokenizer/bpe.h"

#include <algorithm>
#include <functional>

namespace puna::engine {
namespace {

constexpr size_t kShortWord = 16;
constexpr uint32_t kNoMerge = MergeTable::kNoMerge;

TokenId ByteId(const TokenId* byte_ids, char c) { return byte_ids[static_cast<unsigned char>(c)]; }

// Parts in an array, the best pair found by looking at all of them.
void MergeShortWord(const MergeTable& merges, const TokenId* byte_ids, std::string_view word,
                    std::vector<TokenId>* out) {
  TokenId ids[kShortWord];
  uint32_t ranks[kShortWord];  // ranks[i]: of the pair i, i + 1
  size_t count = word.size();
  for (size_t i = 0; i < count; ++i) ids[i] = ByteId(byte_ids, word[i]);
  for (size_t i = 0; i + 1 < count; ++i) ranks[i] = merges.Rank(ids[i], ids[i + 1]);
  while (count > 1) {
    const size_t best = std::min_element(ranks, ranks + count - 1) - ranks;
    if (ranks[best] == kNoMerge) break;
    ids[best] = merges.Result(ranks[best]);
    --count;
    std::copy(ids + best + 2, ids + count + 1, ids + best + 1);
    if (best + 1 < count) {
      std::copy(ranks + best + 2, ranks + count, ranks + best + 1);
      ranks[best] = merges.Rank(ids[best], ids[best + 1]);
    }
    if (best > 0) ranks[best - 1] = merges.Rank(ids[best - 1], ids[best]);
  }
  out->insert(out->end(), ids, ids + count);
}

// Parts in a linked list, candidates in a queue. An entry is the rank above the position, so the
// order of the entries is that of the merges; an entry whose part has another rank by now is stale
// and skipped. The queue is a sorted run, which holds most entries and is read in order, and a heap
// of those that came later; when the run is used up, the heap becomes the next run.
class LongWord {
 public:
  LongWord(const MergeTable& merges, const TokenId* byte_ids, std::string_view word, BpeScratch* scratch)
      : merges_(merges),
        size_(static_cast<uint32_t>(word.size())),
        parts_(scratch->parts),
        run_(scratch->run),
        heap_(scratch->heap) {
    parts_.resize(size_);
    run_.clear();
    heap_.clear();
    for (uint32_t i = 0; i < size_; ++i) {
      parts_[i] = {i == 0 ? 0 : i - 1, i + 1, ByteId(byte_ids, word[i]), kNoMerge};
    }
    for (uint32_t i = 0; i < size_; ++i) {
      if (Rerank(i)) heap_.push_back(Entry(i));
    }
  }

  void MergeAll() {
    while (true) {
      if (next_in_run_ == run_.size() && !StartRun()) return;
      const uint64_t entry = !heap_.empty() && heap_.front() < run_[next_in_run_] ? PopHeap() : run_[next_in_run_++];
      const auto pos = static_cast<uint32_t>(entry);
      if (parts_[pos].rank == entry >> 32) Merge(pos);
    }
  }

  void AppendTo(std::vector<TokenId>* out) const {
    for (uint32_t i = 0; i < size_; i = parts_[i].next) out->push_back(parts_[i].id);
  }

 private:
  uint64_t Entry(uint32_t pos) const { return static_cast<uint64_t>(parts_[pos].rank) << 32 | pos; }

  // Makes the heap the run; false if there is nothing left.
  bool StartRun() {
    run_.swap(heap_);
    heap_.clear();
    next_in_run_ = 0;
    if (!std::is_sorted(run_.begin(), run_.end())) std::sort(run_.begin(), run_.end());
    return !run_.empty();
  }

  uint64_t PopHeap() {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    const uint64_t entry = heap_.back();
    heap_.pop_back();
    return entry;
  }

  // Looks up the rank of the pair that starts at `pos`; true if it can merge.
  bool Rerank(uint32_t pos) {
    const uint32_t next = parts_[pos].next;
    parts_[pos].rank = next == size_ ? kNoMerge : merges_.Rank(parts_[pos].id, parts_[next].id);
    return parts_[pos].rank != kNoMerge;
  }

  void Push(uint32_t pos) {
    heap_.push_back(Entry(pos));
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  void Merge(uint32_t pos) {
    BpeScratch::Part& part = parts_[pos];
    parts_[part.next].rank = kNoMerge;  // that part is gone
    part.id = merges_.Result(part.rank);
    part.next = parts_[part.next].next;
    if (part.next != size_) parts_[part.next].previous = pos;
    if (Rerank(pos)) Push(pos);
    if (pos != 0 && Rerank(part.previous)) Push(part.previous);
  }

  const MergeTable& merges_;
  const uint32_t size_;
  std::vector<BpeScratch::Part>& parts_;
  std::vector<uint64_t>& run_;
  size_t next_in_run_ = 0;
  std::vector<uint64_t>& heap_;
};

}  // namespace

void MergeWord(const MergeTable& merges, const TokenId* byte_ids, std::string_view word, BpeScratch* scratch,
               std::vector<TokenId>* out) {
  if (word.size() <= kShortWord) return MergeShortWord(merges, byte_ids, word, out);
  LongWord long_word(merges, byte_ids, word, scratch);
  long_word.MergeAll();
  long_word.AppendTo(out);
}

}  // namespace puna::engine
