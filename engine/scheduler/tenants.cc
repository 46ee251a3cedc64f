#include "engine/scheduler/tenants.h"

#include <algorithm>
#include <limits>

#include "engine/base/check.h"

namespace puna::engine {

double Tenants::LeastOfPresent() const {
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [tenant, account] : accounts_) {
    if (account.num_sequences > 0) least = std::min(least, account.served);
  }
  return num_present_ == 0 ? 0 : least;
}

void Tenants::Enter(TenantId tenant, int weight) {
  PUNA_CHECK(weight >= 1) << weight;
  const double least = LeastOfPresent();
  Account& account = accounts_[tenant];
  account.weight = weight;
  if (account.num_sequences++ > 0) return;
  account.served = std::max(account.served, least);
  ++num_present_;
}

void Tenants::Leave(TenantId tenant) {
  const auto account = accounts_.find(tenant);
  PUNA_CHECK(account != accounts_.end() && account->second.num_sequences > 0) << tenant;
  if (--account->second.num_sequences > 0) return;
  --num_present_;
  ForgetAbsent();
}

// Those who would begin at the least anyway; and where that leaves too many, those who have had least of them.
void Tenants::ForgetAbsent() {
  if (num_present_ == 0) return accounts_.clear();
  const double least = LeastOfPresent();
  std::erase_if(accounts_,
                [least](const auto& entry) { return entry.second.num_sequences == 0 && entry.second.served <= least; });
  while (accounts_.size() - static_cast<size_t>(num_present_) > kMaxAbsent) {
    auto forgotten = accounts_.end();
    for (auto it = accounts_.begin(); it != accounts_.end(); ++it) {
      const bool absent = it->second.num_sequences == 0;
      if (absent && (forgotten == accounts_.end() || it->second.served < forgotten->second.served)) forgotten = it;
    }
    accounts_.erase(forgotten);
  }
}

void Tenants::Charge(TenantId tenant, int rows) {
  const auto account = accounts_.find(tenant);
  if (account != accounts_.end()) account->second.served += static_cast<double>(rows) / account->second.weight;
}

int Tenants::weight(TenantId tenant) const {
  const auto account = accounts_.find(tenant);
  return account == accounts_.end() ? 1 : account->second.weight;
}

int Tenants::total_weight() const {
  int total = 0;
  for (const auto& [tenant, account] : accounts_) {
    if (account.num_sequences > 0) total += account.weight;
  }
  return std::max(1, total);
}

double Tenants::served(TenantId tenant) const {
  const auto account = accounts_.find(tenant);
  return account == accounts_.end() ? 0 : account->second.served;
}

std::vector<TenantId> Tenants::Present() const {
  std::vector<TenantId> present;
  for (const auto& [tenant, account] : accounts_) {
    if (account.num_sequences > 0) present.push_back(tenant);
  }
  std::stable_sort(present.begin(), present.end(), [this](TenantId a, TenantId b) { return served(a) < served(b); });
  return present;
}

}  // namespace puna::engine
