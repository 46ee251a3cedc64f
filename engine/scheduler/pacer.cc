#include "engine/scheduler/pacer.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>

namespace puna::engine {
namespace {

constexpr int kFirstChunk = 32;  // before anything is known
constexpr int kLastShare = 4;    // a new measurement is at least a fourth of the average
constexpr double kNear = 0.1;    // of the average: a single measurement counts as no further off than this

}  // namespace

void Pacer::Average::Add(double measured) {
  if (count == kLastShare) {
    const int side = measured > value * (1 + kNear) ? 1 : measured < value / (1 + kNear) ? -1 : 0;
    streak = side * streak > 0 ? streak + side : side;
    const double reach = 1 + kNear * std::exp2(std::abs(streak) - 1);
    measured = std::clamp(measured, value / reach, value * reach);
  }
  count = std::min(count + 1, kLastShare);
  value += (measured - value) / count;
}

int Pacer::MaxPromptTokens(int limit, int num_decode) const {
  if (target_ == 0 || num_decode == 0) return limit;
  if (since_quiet_ >= kQuietEvery) return 0;
  const double quiet = QuietSeconds(num_decode);
  const double target = target_ > 0 ? target_ : kQuietStepsTarget * quiet;
  double chunk = kFirstChunk;
  if (quiet > 0 && price_.value > 0) {
    // No more than double the last: small steps are bound by memory, and their price says little about large ones.
    chunk = std::min((target - quiet) / price_.value, 2.0 * std::max(last_chunk_, kFirstChunk));
  }
  return std::min(limit, static_cast<int>(std::lround(std::clamp(chunk, double{kMinChunk}, 1e6))));
}

void Pacer::Observe(int num_prompt, int num_decode, double seconds) {
  since_quiet_ = num_prompt > 0 && num_decode > 0 ? since_quiet_ + 1 : 0;
  if (num_prompt == 0) {
    if (num_decode > 0) quiet_[num_decode].Add(seconds);
    return;
  }
  // A few tokens alone, and the ends of prompts, say more about reading the weights than about the price.
  if (num_prompt < (num_decode > 0 ? kMinChunk : kFirstChunk)) return;
  const double quiet = num_decode > 0 ? QuietSeconds(num_decode) : 0;
  price_.Add(std::max(seconds - quiet, 1e-3 * seconds) / num_prompt);
  last_chunk_ = num_prompt;
}

// As measured, or as far as others tell: one more that decodes costs at most what a prompt token does. 0: not known
// yet.
double Pacer::QuietSeconds(int num_decode) const {
  if (quiet_.empty()) return 0;
  const auto above = quiet_.lower_bound(num_decode);
  if (above != quiet_.end() && (above->first == num_decode || above == quiet_.begin())) return above->second.value;
  const auto below = std::prev(above);
  const double estimate = below->second.value + price_.value * (num_decode - below->first);
  return above == quiet_.end() ? estimate : std::min(estimate, above->second.value);
}

}  // namespace puna::engine
