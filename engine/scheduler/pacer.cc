#include "engine/scheduler/pacer.h"

#include <algorithm>
#include <iterator>

namespace puna::engine {
namespace {

constexpr int kFirstChunk = 32;     // before anything is known
constexpr double kNewShare = 0.25;  // of a new measurement in the average

void Average(double& average, double measured) {
  average = average == 0 ? measured : average + kNewShare * (measured - average);
}

}  // namespace

int Pacer::MaxPromptTokens(int limit, int num_decode) const {
  if (target_ == 0 || num_decode == 0) return limit;
  const double quiet = QuietSeconds(num_decode);
  const double target = target_ > 0 ? target_ : kQuietStepsTarget * quiet;
  double chunk = kFirstChunk;
  if (quiet > 0 && price_ > 0) {
    // No more than double the last: small steps are bound by memory, and their price says little about large ones.
    chunk = std::min((target - quiet) / price_, 2.0 * std::max(last_chunk_, kFirstChunk));
  }
  return std::min(limit, static_cast<int>(std::clamp(chunk, double{kMinChunk}, 1e6)));
}

void Pacer::Observe(int num_prompt, int num_decode, double seconds) {
  if (num_prompt == 0) {
    if (num_decode > 0) Average(quiet_[num_decode], seconds);
    return;
  }
  // A few tokens alone, and the ends of prompts, say more about reading the weights than about the price.
  if (num_prompt < (num_decode > 0 ? kMinChunk : kFirstChunk)) return;
  const double quiet = num_decode > 0 ? QuietSeconds(num_decode) : 0;
  Average(price_, std::max(seconds - quiet, 1e-3 * seconds) / num_prompt);
  last_chunk_ = num_prompt;
}

// As measured, or as far as others tell: one more that decodes costs at most what a prompt token does. 0: not known yet.
double Pacer::QuietSeconds(int num_decode) const {
  if (quiet_.empty()) return 0;
  const auto above = quiet_.lower_bound(num_decode);
  if (above != quiet_.end() && (above->first == num_decode || above == quiet_.begin())) return above->second;
  const auto below = std::prev(above);
  const double estimate = below->second + price_ * (num_decode - below->first);
  return above == quiet_.end() ? estimate : std::min(estimate, above->second);
}

}  // namespace puna::engine
