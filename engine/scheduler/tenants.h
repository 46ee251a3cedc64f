// Tenants: who asks, how much of the steps each has had, and in what order they are served.
//
// The idea is the virtual token counter of Sheng et al., "Fairness in Serving Large Language Models" (OSDI 2024). Each tenant
// has a count of the rows that were computed for it; who has had least comes first. Who comes (back) begins at the least that
// those who are there have had, or where he was when that is more: time away earns nothing, and leaving costs no debt. Whoever
// decides by these counts gives tenants that always have work the same number of rows, but for what one step can differ; or,
// where they have weights, rows in proportion to these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace puna::engine {

using TenantId = uint64_t;

class Tenants {
 public:
  static constexpr size_t kMaxAbsent = 1024;  // who have left, and are remembered

  void Enter(TenantId tenant, int weight);  // one more sequence of its is there; weight: from now on, at least 1
  void Leave(TenantId tenant);              // one less
  void Charge(TenantId tenant, int rows);   // were computed for it
  double served(TenantId tenant) const;     // rows for each unit of its weight; 0 for whom nobody knows
  int weight(TenantId tenant) const;        // 1 for whom nobody knows
  int num_present() const { return num_present_; }  // with sequences that are there
  int total_weight() const;                         // of those; at least 1
  std::vector<TenantId> Present() const;            // who has had least first
  size_t num_known() const { return accounts_.size(); }

 private:
  struct Account {
    double served = 0;
    int weight = 1;
    int num_sequences = 0;
  };

  double LeastOfPresent() const;
  void ForgetAbsent();

  std::map<TenantId, Account> accounts_;
  int num_present_ = 0;
};

}  // namespace puna::engine
