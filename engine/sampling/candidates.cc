#include "engine/sampling/candidates.h"

#include <algorithm>
#include <functional>

#include "engine/sampling/row_scans.h"

namespace puna::engine {

float TopKBound(std::span<const float> maxima, size_t k, std::vector<float>& scratch) {
  if (k == 0 || k > maxima.size()) return kMinusInfinity;
  scratch.assign(maxima.begin(), maxima.end());
  const auto kth = scratch.begin() + static_cast<std::ptrdiff_t>(k - 1);
  std::nth_element(scratch.begin(), kth, scratch.end(), std::greater<>());
  return *kth;
}

void Gather(std::span<const float> x, std::span<const float> maxima, float bound, std::vector<Candidate>& out) {
  out.clear();
  for (size_t b = 0; b < maxima.size(); ++b) {
    if (!(maxima[b] >= bound)) continue;
    const size_t end = std::min((b + 1) * kScanBlock, x.size());
    for (size_t i = b * kScanBlock; i < end; ++i) {
      if (x[i] >= bound && x[i] > kMinusInfinity) out.push_back({static_cast<TokenId>(i), x[i], 0});
    }
  }
}

void KeepTopK(std::vector<Candidate>& candidates, size_t k) {
  if (k == 0 || candidates.size() <= k) return;
  std::vector<float> logits(candidates.size());
  std::transform(candidates.begin(), candidates.end(), logits.begin(), [](const Candidate& c) { return c.logit; });
  const auto kth = logits.begin() + static_cast<std::ptrdiff_t>(k - 1);
  std::nth_element(logits.begin(), kth, logits.end(), std::greater<>());
  std::erase_if(candidates, [bound = *kth](const Candidate& c) { return c.logit < bound; });
}

void KeepTopP(std::vector<Candidate>& candidates, double limit, std::vector<Candidate>& scratch) {
  scratch = candidates;
  // The last one to keep is in [low, high); what is before low is kept and weighs `before`. Each round halves the
  // range.
  auto low = scratch.begin();
  auto high = scratch.end();
  double before = 0;
  constexpr std::ptrdiff_t kSmall = 32;
  while (high - low > kSmall) {
    const auto middle = low + (high - low) / 2;
    std::nth_element(low, middle, high, MoreLikely);
    double upper = 0;
    for (auto it = low; it != middle; ++it) upper += it->weight;
    if (before + upper >= limit) {
      high = middle;
    } else {
      before += upper;
      low = middle;
    }
  }
  std::sort(low, high, MoreLikely);
  auto last = low;
  while (last + 1 < high && before + last->weight < limit) before += (last++)->weight;
  std::erase_if(candidates, [cut = *last](const Candidate& c) { return MoreLikely(cut, c); });
}

}  // namespace puna::engine
