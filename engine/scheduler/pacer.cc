#include "engine/scheduler/pacer.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <limits>

namespace puna::engine {
namespace {

constexpr int kFirstChunk = 32;  // before anything is known
constexpr int kLastShare = 4;    // a new measurement is at least a fourth of the average
constexpr double kHeldUp = 2.5;  // times what was expected
constexpr int kFew = 3;          // fewer measurements are not trusted alone
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

double Pacer::TargetSeconds(int num_decode) const {
  return target_ >= 0 ? target_ : kQuietStepsTarget * QuietSeconds(num_decode);
}

int Pacer::MaxPromptTokens(int limit, int num_decode) const {
  if (target_ == 0 || num_decode == 0) return limit;
  if (since_quiet_ >= kQuietEvery) return 0;
  const double quiet = QuietSeconds(num_decode);
  const double target = TargetSeconds(num_decode);
  double chunk = kFirstChunk;
  if (quiet > 0 && price_.value > 0) {
    // No more than double the last: small steps are bound by memory, and their price says little about large ones.
    chunk = std::min((target - quiet) / price_.value, 2.0 * std::max(last_chunk_, kFirstChunk));
  }
  return std::min(limit, static_cast<int>(std::lround(std::clamp(chunk, double{kMinChunk}, 1e6))));
}

double Pacer::StepSeconds(int num_prompt, int num_decode, int num_guesses) const {
  if (num_prompt == 0 && num_decode + num_guesses > MostMeasured() &&
      quiet_.size() > 1) {  // on the line through the ends
    const auto [fewest, low] = *quiet_.begin();
    const auto [most, high] = *quiet_.rbegin();
    const double row = std::max(0.0, high.value - low.value) / (most - fewest);
    return high.value + row * (num_decode + num_guesses - most);
  }
  if (num_prompt == 0) return QuietSeconds(num_decode + num_guesses);
  const double quiet = QuietSeconds(num_decode);
  return quiet > 0 && price_.value > 0 ? quiet + price_.value * (num_prompt + num_guesses) : 0;
}

void Pacer::Observe(int num_prompt, int num_decode, double seconds) {
  since_quiet_ = num_prompt > 0 && num_decode > 0 ? since_quiet_ + 1 : 0;
  if (num_prompt == 0) {
    if (num_decode == 0) return;
    Average& quiet = quiet_[num_decode];
    // Of the first few the least: one that was held up would say for good that so many rows do not pay, and never be measured
    // again.
    if (quiet.count < kLastShare)
      quiet = {quiet.count == 0 ? seconds : std::min(quiet.value, seconds), quiet.count + 1, 0};
    else
      quiet.Add(seconds);
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
  auto above = quiet_.lower_bound(num_decode);
  // What was measured once or twice may have been held up: where it is far above what others tell, those are believed.
  double measured = std::numeric_limits<double>::infinity();
  if (above != quiet_.end() && above != quiet_.begin() && above->first == num_decode && above->second.count < kFew) {
    measured = above->second.value;
    ++above;
  }
  if (above != quiet_.end() && (above->first == num_decode || above == quiet_.begin())) return above->second.value;
  auto below = std::prev(above);
  if (below->first == num_decode) --below;
  const double estimate = below->second.value + price_.value * (num_decode - below->first);
  const double told = above == quiet_.end() ? estimate : std::min(estimate, above->second.value);
  return measured < kHeldUp * told ? measured : told;
}

}  // namespace puna::engine
