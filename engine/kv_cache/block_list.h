// BlockList: a doubly linked list of blocks whose links lie in one shared array, so that taking a block out of the
// middle is O(1) and nothing is allocated. A block is in at most one list.
#pragma once

#include <vector>

#include "engine/base/check.h"
#include "engine/kv_cache/block_id.h"

namespace puna::engine {

struct BlockLinks {
  BlockId previous = kNoBlock;
  BlockId next = kNoBlock;
};

class BlockList {
 public:
  explicit BlockList(std::vector<BlockLinks>& links) : links_(links) {}

  bool empty() const { return first_ == kNoBlock; }
  int size() const { return size_; }
  BlockId first() const { return first_; }
  BlockId next(BlockId block) const { return links_[block].next; }

  void PushFront(BlockId block) { Insert(block, kNoBlock, first_); }
  void PushBack(BlockId block) { Insert(block, last_, kNoBlock); }

  void Remove(BlockId block) {
    const BlockLinks link = links_[block];
    (link.previous == kNoBlock ? first_ : links_[link.previous].next) = link.next;
    (link.next == kNoBlock ? last_ : links_[link.next].previous) = link.previous;
    links_[block] = {};
    --size_;
  }

  BlockId PopFront() {
    PUNA_CHECK(!empty());
    const BlockId block = first_;
    Remove(block);
    return block;
  }

 private:
  void Insert(BlockId block, BlockId previous, BlockId next) {
    links_[block] = {previous, next};
    (previous == kNoBlock ? first_ : links_[previous].next) = block;
    (next == kNoBlock ? last_ : links_[next].previous) = block;
    ++size_;
  }

  std::vector<BlockLinks>& links_;
  BlockId first_ = kNoBlock;
  BlockId last_ = kNoBlock;
  int size_ = 0;
};

}  // namespace puna::engine
