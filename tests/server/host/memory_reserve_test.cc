#include "server/host/memory_reserve.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <new>

#include "tests/support/sanitized.h"

namespace puna::server {
namespace {

TEST_CASE("the reserve is given up once for an allocation that fails, and held again") {
  const std::new_handler before = std::get_new_handler();
  HoldMemoryReserve();
  HoldMemoryReserve();
  const std::new_handler on_failure = std::get_new_handler();
  const bool is_set = on_failure != nullptr;
  REQUIRE(is_set);
  CHECK_NOTHROW(on_failure());  // operator new tries again now
  CHECK_THROWS_AS(on_failure(), std::bad_alloc);
  HoldMemoryReserve();
  CHECK_NOTHROW(on_failure());
  if (!testing::kSanitized) {  // whose operator new ends the process
    const std::size_t more_than_any_reserve_helps = std::size_t{1} << 62;
    CHECK_THROWS_AS(static_cast<void>(::operator new(more_than_any_reserve_helps)), std::bad_alloc);
  }
  std::set_new_handler(before);
}

}  // namespace
}  // namespace puna::server
