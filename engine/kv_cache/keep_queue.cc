#include "engine/kv_cache/keep_queue.h"

#include <new>

namespace puna::engine {

bool KeepQueue::Push(const BlockName& name) {
  if (queued_.contains(name.hash)) return true;
  if (names_.size() >= capacity_) return false;
  names_.push_back(name);
  try {
    queued_.insert(name.hash);
  } catch (const std::bad_alloc&) {
    names_.pop_back();
    return false;
  }
  return true;
}

std::optional<BlockName> KeepQueue::Pop() {
  if (names_.empty()) return std::nullopt;
  const BlockName name = names_.front();
  names_.pop_front();
  queued_.erase(name.hash);
  return name;
}

}  // namespace puna::engine
