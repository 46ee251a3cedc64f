#include "engine/scheduler/tenants.h"

#include <doctest/doctest.h>

namespace puna::engine {
namespace {

TEST_CASE("who has had least comes first, by weight") {
  Tenants tenants;
  tenants.Enter(1, 1);
  tenants.Enter(2, 4);
  tenants.Charge(1, 10);
  tenants.Charge(2, 30);
  CHECK(tenants.Present() == std::vector<TenantId>{2, 1});
  tenants.Charge(2, 30);
  CHECK(tenants.Present() == std::vector<TenantId>{1, 2});
  CHECK(tenants.total_weight() == 5);
}

TEST_CASE("who comes begins at the least of those who are there: waiting elsewhere earns nothing") {
  Tenants tenants;
  tenants.Enter(1, 1);
  tenants.Enter(2, 1);
  tenants.Charge(1, 500);
  tenants.Charge(2, 700);
  tenants.Enter(3, 1);
  CHECK(tenants.served(3) == 500);
}

TEST_CASE("leaving costs no debt while others are there, and nothing is left when all have gone") {
  Tenants tenants;
  tenants.Enter(1, 1);
  tenants.Enter(2, 1);
  tenants.Charge(1, 500);
  tenants.Leave(1);
  tenants.Enter(1, 1);
  CHECK(tenants.served(1) == 500);
  CHECK(tenants.Present() == std::vector<TenantId>{2, 1});
  tenants.Leave(1);
  tenants.Leave(2);
  CHECK(tenants.num_known() == 0);
  CHECK(tenants.num_present() == 0);
}

TEST_CASE("what is known of those who left is bounded") {
  Tenants tenants;
  tenants.Enter(0, 1);
  for (TenantId tenant = 1; tenant <= 3 * Tenants::kMaxAbsent; ++tenant) {
    tenants.Enter(tenant, 1);
    tenants.Charge(tenant, static_cast<int>(tenant));
    tenants.Leave(tenant);
  }
  CHECK(tenants.num_known() == Tenants::kMaxAbsent + 1);
  CHECK(tenants.served(3 * Tenants::kMaxAbsent) > 0);  // those with most are the last to be forgotten
}

}  // namespace
}  // namespace puna::engine
