#include "server/http/request_memory.h"

#include <utility>

namespace puna::server {

void RequestMemory::Count(Kept kept) {
  const engine::MutexLock lock(mutex_);
  kept_.push_back(std::move(kept));
}

size_t RequestMemory::NumKept() const {
  size_t bytes = 0;
  for (const Kept& kept : kept_) bytes += kept.bytes();
  return bytes;
}

size_t RequestMemory::used() const {
  const engine::MutexLock lock(mutex_);
  return used_ + NumKept();
}

// Whether requests may have so many, when what is kept has given back what it can.
bool RequestMemory::MakeRoom(size_t requests) {
  if (requests > limit_) return false;
  const size_t rest = limit_ - requests;
  size_t bytes = NumKept();
  for (const Kept& kept : kept_) {
    if (bytes <= rest) break;
    kept.give_back(bytes - rest);
    bytes = NumKept();
  }
  return bytes <= rest;
}

bool RequestMemory::Share::TrySet(size_t bytes) {
  const engine::MutexLock lock(memory_.mutex_);
  const size_t all = memory_.used_ - bytes_ + bytes;
  if (bytes > bytes_ && (bytes > memory_.limit_ || !memory_.MakeRoom(all))) return false;
  memory_.used_ = all;
  bytes_ = bytes;
  return true;
}

void RequestMemory::Share::Set(size_t bytes) {
  const engine::MutexLock lock(memory_.mutex_);
  memory_.used_ += bytes - bytes_;
  bytes_ = bytes;
  memory_.MakeRoom(memory_.used_);
}

size_t RequestMemory::Share::bytes() const {
  const engine::MutexLock lock(memory_.mutex_);
  return bytes_;
}

}  // namespace puna::server
