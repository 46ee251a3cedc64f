#include "server/generate/fit_prompt.h"

#include "api/endpoints/responses_items.h"

namespace puna::server {

FittedPrompt FitPrompt(const std::vector<api::Message>& messages, int64_t room,
                       const std::function<std::vector<engine::TokenId>(const std::vector<api::Message>&)>& render) {
  const size_t units = api::NumDroppable(messages);
  std::vector<engine::TokenId> best = render(api::WithoutOldest(messages, units));
  size_t fits = 0;          // units that are kept
  size_t too_many = units;  // the whole does not fit
  const auto keep = [&](size_t kept) {
    std::vector<engine::TokenId> prompt = render(api::WithoutOldest(messages, units - kept));
    const bool fitting = static_cast<int64_t>(prompt.size()) <= room;
    if (fitting) best = std::move(prompt);
    (fitting ? fits : too_many) = kept;
  };
  for (size_t kept = 1; kept < too_many; kept = 2 * kept + 1) keep(kept);
  while (fits + 1 < too_many) keep(fits + (too_many - fits) / 2);
  return {std::move(best), units - fits};
}

}  // namespace puna::server
