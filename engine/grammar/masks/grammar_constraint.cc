#include "engine/grammar/masks/grammar_constraint.h"

#include <algorithm>
#include <bit>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

constexpr size_t kMaxForced = 1024;

}  // namespace

GrammarConstraint::GrammarConstraint(std::shared_ptr<const Grammar> grammar, MaskCache& masks,
                                     std::vector<TokenId> end_ids)
    : grammar_(std::move(grammar)),
      masks_(masks),
      end_ids_(std::move(end_ids)),
      arena_(*grammar_),
      state_(arena_.Start()) {}

bool GrammarConstraint::IsEnd(TokenId id) const {
  return std::find(end_ids_.begin(), end_ids_.end(), id) != end_ids_.end();
}

StackSet GrammarConstraint::After(const StackSet& state, std::string_view bytes) {
  StackSet next = state;
  for (const char byte : bytes) {
    if (next.dead()) break;
    next = arena_.Step(next, static_cast<uint8_t>(byte));
  }
  return next;
}

void GrammarConstraint::MaskNext(std::span<uint64_t> allowed) {
  const MaskCache::Mask mask = masks_.Find(arena_, state_);
  const size_t words = std::min(allowed.size(), mask->size());
  for (size_t i = 0; i < words; ++i) {
    uint64_t word = (*mask)[i];
    for (const TokenId id : end_ids_) {
      if (id < 0 || static_cast<size_t>(id) / 64 != i) continue;
      const uint64_t bit = uint64_t{1} << (id % 64);
      const bool is_text = !masks_.vocabulary().TextOf(id).empty();
      if (!is_text)
        word = state_.accepting ? word | bit : word & ~bit;
      else if (state_.accepting)
        word |= bit;
    }
    allowed[i] &= word;
  }
  for (size_t i = words; i < allowed.size(); ++i) allowed[i] = 0;
}

void GrammarConstraint::Accept(TokenId id) {
  const std::string_view text = masks_.vocabulary().TextOf(id);
  if (IsEnd(id) && (text.empty() || After(state_, text).dead())) {
    PUNA_CHECK(state_.accepting) << "end id " << id << " inside of a text";
    return;  // the end of the sequence, unless min_tokens holds it back
  }
  StackSet next = After(state_, text);
  PUNA_CHECK(!text.empty() && !next.dead()) << "id " << id << " does not fit the grammar";
  state_ = std::move(next);
}

bool GrammarConstraint::AcceptText(std::string_view text) {
  StackSet next = After(state_, text);
  if (next.dead()) return false;
  state_ = std::move(next);
  return true;
}

// The one id that may come; none when there are several. A text can be written in many ways, and which tokens the model
// would take is its own to say.
TokenId GrammarConstraint::OnlyId(const StackSet& state) {
  if (state.accepting) return state.stacks.empty() && end_ids_.size() == 1 ? end_ids_[0] : kNoToken;
  if (arena_.NextBytes(state).count() != 1) return kNoToken;
  const MaskCache::Mask mask = masks_.Find(arena_, state);
  TokenId only = kNoToken;
  for (size_t i = 0; i < mask->size(); ++i) {
    const uint64_t word = (*mask)[i];
    if (word == 0) continue;
    if (only != kNoToken || !std::has_single_bit(word)) return kNoToken;
    only = static_cast<TokenId>(i * 64 + static_cast<size_t>(std::countr_zero(word)));
  }
  return only;
}

std::vector<TokenId> GrammarConstraint::Forced() {
  std::vector<TokenId> ids;
  StackSet state = state_;
  while (ids.size() < kMaxForced) {
    const TokenId id = OnlyId(state);
    if (id == kNoToken) break;
    ids.push_back(id);
    if (IsEnd(id)) break;
    state = After(state, masks_.vocabulary().TextOf(id));
  }
  return ids;
}

int GrammarConstraint::CountAccepted(std::span<const TokenId> ids) {
  StackSet state = state_;
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::string_view text = masks_.vocabulary().TextOf(ids[i]);
    if (text.empty()) return static_cast<int>(i) + (IsEnd(ids[i]) && state.accepting ? 1 : 0);
    state = After(state, text);
    if (state.dead()) return static_cast<int>(i);
  }
  return static_cast<int>(ids.size());
}

}  // namespace puna::engine
