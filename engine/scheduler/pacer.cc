#include "engine/scheduler/pacer.h"

#include <algorithm>

namespace puna::engine {
namespace {

constexpr int kFirstChunk = 32;     // before anything is known
constexpr int kGrain = 8;           // rows that kernels take at a time
constexpr double kNewShare = 0.25;  // of a new measurement in the average

void Average(double& average, double measured) {
  average = average == 0 ? measured : average + kNewShare * (measured - average);
}

}  // namespace

int Pacer::MaxPromptTokens(int limit, int num_decode) const {
  if (target_ == 0 || num_decode == 0) return limit;
  const double target = target_ > 0 ? target_ : kQuietStepsTarget * quiet_;
  double chunk = kFirstChunk;
  if (quiet_ > 0 && price_ > 0) {
    // No more than double the last: small steps are bound by memory, and their price says little about large ones.
    chunk = std::min((target - quiet_) / price_, 2.0 * std::max(last_chunk_, kFirstChunk));
  }
  const int whole = static_cast<int>(std::clamp(chunk, double{kMinChunk}, 1e6)) / kGrain * kGrain;
  return std::min(limit, whole);
}

void Pacer::Observe(int num_prompt, int num_decode, double seconds) {
  if (num_prompt == 0) {
    if (num_decode > 0) Average(quiet_, seconds);
    return;
  }
  // Short ends of prompts say more about the quiet part than about the price.
  if (num_prompt < kMinChunk) return;
  Average(price_, std::max(seconds - (num_decode > 0 ? quiet_ : 0), 1e-3 * seconds) / num_prompt);
  last_chunk_ = num_prompt;
}

}  // namespace puna::engine
