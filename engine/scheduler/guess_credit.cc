#include "engine/scheduler/guess_credit.h"

#include <algorithm>

namespace puna::engine {
namespace {

constexpr double kReadWeight = 4;
constexpr int kMostIds = 1 << 20;

}  // namespace

void GuessCredit::Settle(double plain, double more, double saved) {
  if (plain <= 0) return;
  if (!begun_) credit_ = kFirst * plain;
  begun_ = true;
  credit_ = std::min(credit_ + kShare * plain + saved - more, kMost * plain);
}

void GuessCredit::ObserveRead(int num_ids, double seconds) {
  if (num_ids <= 0) return;
  const double each = seconds / num_ids;
  id_seconds_ = id_seconds_ == 0 ? each : id_seconds_ + (each - id_seconds_) / kReadWeight;
}

int GuessCredit::NumReadable() const {
  if (credit_ <= 0) return 0;
  if (id_seconds_ <= 0) return kFirstRead;
  return static_cast<int>(std::min<double>(kMostIds, credit_ / id_seconds_));
}

}  // namespace puna::engine
