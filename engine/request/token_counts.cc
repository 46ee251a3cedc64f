#include "engine/request/token_counts.h"

namespace puna::engine {

void TokenCounts::AddPrompt(std::span<const TokenId> ids) {
  for (const TokenId id : ids) Find(id);
}

void TokenCounts::AddOutput(TokenId id) { ++Find(id).in_output; }

TokenCounts::Entry& TokenCounts::Find(TokenId id) {
  const auto [it, is_new] = index_.try_emplace(id, entries_.size());
  if (is_new) entries_.push_back({id, 0});
  return entries_[it->second];
}

}  // namespace puna::engine
