#include "engine/kv_disk/disk_index.h"

namespace puna::engine {

bool DiskIndex::Add(const std::string& segment, int64_t offset, const Record& record) {
  const MutexLock lock(mutex_);
  const auto [number, is_new] = numbers_.try_emplace(segment, next_number_);
  if (is_new) segments_[next_number_++].name = segment;
  Segment& place = segments_[number->second];
  bool all_new = true;
  for (size_t slot = 0; slot < record.entries.size(); ++slot) {
    if (record.damaged >> slot & 1) continue;
    const BlockHash& hash = record.entries[slot].name.hash;
    const Entry entry{number->second, static_cast<int32_t>(slot), offset};
    if (blocks_.try_emplace(hash, entry).second) {
      place.hashes.push_back(hash);
    } else {
      all_new = false;
    }
  }
  return all_new;
}

void DiskIndex::Drop(const BlockHash& hash) {
  const MutexLock lock(mutex_);
  blocks_.erase(hash);
}

void DiskIndex::DropSegment(const std::string& segment) {
  const MutexLock lock(mutex_);
  const auto number = numbers_.find(segment);
  if (number == numbers_.end()) return;
  for (const BlockHash& hash : segments_[number->second].hashes) {
    const auto block = blocks_.find(hash);
    if (block != blocks_.end() && block->second.segment == number->second) blocks_.erase(block);
  }
  segments_.erase(number->second);
  numbers_.erase(number);
}

bool DiskIndex::Contains(const BlockHash& hash) const {
  const MutexLock lock(mutex_);
  return blocks_.contains(hash);
}

std::optional<DiskIndex::Place> DiskIndex::Find(const BlockHash& hash) const {
  const MutexLock lock(mutex_);
  const auto block = blocks_.find(hash);
  if (block == blocks_.end()) return std::nullopt;
  return Place{segments_.at(block->second.segment).name, block->second.record, block->second.slot};
}

int DiskIndex::CountFound(std::span<const BlockHash> hashes) const {
  const MutexLock lock(mutex_);
  int count = 0;
  while (count < static_cast<int>(hashes.size()) && blocks_.contains(hashes[count])) ++count;
  return count;
}

size_t DiskIndex::size() const {
  const MutexLock lock(mutex_);
  return blocks_.size();
}

}  // namespace puna::engine
