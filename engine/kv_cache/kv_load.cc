#include "engine/kv_cache/kv_load.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace puna::engine {

KvLoad::KvLoad(std::vector<BlockName> names, std::vector<BlockId> blocks, std::shared_ptr<const Beat> beat)
    : names_(std::move(names)), blocks_(std::move(blocks)), beat_(std::move(beat)) {
  PUNA_CHECK(names_.size() == blocks_.size()) << names_.size() << ' ' << blocks_.size();
}

bool KvLoad::ended() const {
  {
    const MutexLock lock(mutex_);
    if (ended_ || cancelled_) return true;
  }
  const Clock::time_point alive{Clock::duration(beat_->load())};
  return Clock::now() > std::max(begun_, alive) + kPatience;
}

void KvLoad::Cancel() {
  const MutexLock lock(mutex_);  // held while a block is filled
  cancelled_ = true;
}

int KvLoad::num_loaded() const {
  const MutexLock lock(mutex_);
  return num_loaded_;
}

bool KvLoad::Fill(const std::function<void(BlockId)>& fill) {
  const MutexLock lock(mutex_);
  if (cancelled_) return false;
  PUNA_CHECK(num_loaded_ < static_cast<int>(blocks_.size()));
  fill(blocks_[num_loaded_]);
  ++num_loaded_;
  return true;
}

void KvLoad::End() {
  const MutexLock lock(mutex_);
  ended_ = true;
}

bool KvLoad::cancelled() const {
  const MutexLock lock(mutex_);
  return cancelled_;
}

}  // namespace puna::engine
