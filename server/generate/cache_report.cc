#include "server/generate/cache_report.h"

#include <algorithm>

namespace puna::server {
namespace {

using Reason = api::CacheReport::Reason;
using Ids = std::span<const engine::TokenId>;

constexpr int kShown = 16;          // tokens: what is cached goes by blocks of so many
constexpr int kContextTokens = 12;  // a few words

Reason ReasonOf(const engine::Usage& usage, const CacheReportWish& wish) {
  if (!wish.caching) return Reason::kOff;
  if (usage.cached_tokens >= usage.prompt_tokens - 1) return Reason::kFound;
  if (wish.computes_prompt) return Reason::kWanted;
  return usage.difference ? Reason::kDifferent : Reason::kNotKept;
}

}  // namespace

api::CacheReport MakeCacheReport(const engine::Usage& usage, Ids prompt, const CacheReportWish& wish,
                                 const engine::Tokenizer& tokenizer) {
  api::CacheReport report;
  report.disk_tokens = usage.disk_tokens;
  report.copied_tokens = std::min(usage.copied_tokens, usage.cached_tokens - usage.disk_tokens);
  report.memory_tokens = usage.cached_tokens - report.disk_tokens - report.copied_tokens;
  report.computed_tokens = usage.prompt_tokens - usage.cached_tokens;
  report.reason = ReasonOf(usage, wish);
  if (report.reason == Reason::kFound) return report;
  const auto text = [&](Ids ids) { return tokenizer.Decode(ids, /*skip_special_tokens=*/false); };
  report.position = report.reason == Reason::kDifferent ? usage.difference->position : usage.cached_tokens;
  const auto at = std::min(prompt.size(), static_cast<size_t>(report.position));
  const size_t begin = at - std::min<size_t>(at, kContextTokens);
  report.context = text(prompt.subspan(begin, at - begin));
  report.now = text(prompt.subspan(at, std::min<size_t>(kShown, prompt.size() - at)));
  if (report.reason == Reason::kDifferent && wish.show_before) report.before = text(usage.difference->before);
  return report;
}

}  // namespace puna::server
