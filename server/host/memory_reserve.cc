#include "server/host/memory_reserve.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace puna::server {
namespace {

constexpr size_t kReserveBytes = size_t{8} << 20;  // addresses only, until somebody else has them

std::atomic<void*> reserve{nullptr};

// operator new tries again after each return.
void GiveUpReserve() {
  void* held = reserve.exchange(nullptr);
  if (held == nullptr) throw std::bad_alloc();
  std::free(held);
}

}  // namespace

void HoldMemoryReserve() {
  std::set_new_handler(GiveUpReserve);
  if (reserve.load(std::memory_order_relaxed) != nullptr) return;
  void* nothing = nullptr;
  void* fresh = std::malloc(kReserveBytes);
  if (!reserve.compare_exchange_strong(nothing, fresh)) std::free(fresh);
}

}  // namespace puna::server
