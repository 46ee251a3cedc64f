#include "engine/base/mapped_range.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <set>
#include <utility>

#include "engine/base/mutex.h"

namespace puna::engine {
namespace {

// What a handler may read: no lock, no memory that moves. A place is taken while its `path` is set; who reads sees `begin` and
// `end` set before it.
struct Slot {
  std::atomic<bool> taken{false};
  std::atomic<uintptr_t> begin{0}, end{0};
  std::atomic<const char*> path{nullptr};
};
constexpr size_t kMaxMappings = 1024;  // more files than that are not named
std::array<Slot, kMaxMappings> slots;
static_assert(std::atomic<uintptr_t>::is_always_lock_free && std::atomic<const char*>::is_always_lock_free);

size_t TakeSlot() {
  for (size_t i = 0; i < kMaxMappings; ++i) {
    if (!slots[i].taken.exchange(true)) return i;
  }
  return kMaxMappings;
}

struct Registry {
  Mutex mutex;
  std::set<const MappedRange*> ranges PUNA_GUARDED_BY(mutex);
};

// Never destroyed: files may be unmapped while the process ends.
Registry& TheRegistry() {
  static Registry& registry = *new Registry;
  return registry;
}

bool ReadState(int fd, int64_t& size, int64_t& changed_ns) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return false;
  size = info.st_size;
  changed_ns = int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  return true;
}

}  // namespace

MappedRange::MappedRange(const void* begin, size_t bytes, std::string path, int fd) : path_(std::move(path)), fd_(fd) {
  ReadState(fd_, size_, changed_ns_);
  {
    Registry& registry = TheRegistry();
    const MutexLock lock(registry.mutex);
    registry.ranges.insert(this);
  }
  slot_ = TakeSlot();  // nothing fails from here on
  if (slot_ < kMaxMappings) {
    const auto first = reinterpret_cast<uintptr_t>(begin);
    slots[slot_].begin = first;
    slots[slot_].end = first + bytes;
    slots[slot_].path = path_.c_str();
  }
}

MappedRange::~MappedRange() {
  {
    Registry& registry = TheRegistry();
    const MutexLock lock(registry.mutex);
    registry.ranges.erase(this);
  }
  if (slot_ < kMaxMappings) {
    slots[slot_].path = nullptr;
    slots[slot_].begin = slots[slot_].end = 0;
    slots[slot_].taken = false;
  }
  close(fd_);
}

const char* MappedRange::PathAt(const void* address) {
  const auto at = reinterpret_cast<uintptr_t>(address);
  for (const Slot& slot : slots) {
    const char* path = slot.path;
    if (path != nullptr && slot.begin <= at && at < slot.end) return path;
  }
  return nullptr;
}

bool MappedRange::HasChanged() const {
  int64_t size = 0, changed_ns = 0;
  return ReadState(fd_, size, changed_ns) && (size != size_ || changed_ns != changed_ns_);
}

std::string MappedRange::FindChanged() {
  Registry& registry = TheRegistry();
  const MutexLock lock(registry.mutex);
  for (const MappedRange* range : registry.ranges) {
    if (range->HasChanged()) return range->path_;
  }
  return {};
}

}  // namespace puna::engine
