#include "engine/grammar/masks/grammar_constraint.h"

#include <algorithm>
#include <bit>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

constexpr size_t kMaxForced = 1024;
constexpr size_t kLookBack = 4;        // ids: a piece that tokenizers cut texts into is rarely written in more
constexpr size_t kMaxForcedBytes = 8;  // looked at for each id that is wanted

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

void GrammarConstraint::MaskNext(std::span<uint64_t> allowed) { Mask(state_, allowed); }

void GrammarConstraint::Mask(const StackSet& state, std::span<uint64_t> allowed) {
  const MaskCache::Mask mask = masks_.Find(arena_, state);
  const size_t words = std::min(allowed.size(), mask->size());
  for (size_t i = 0; i < words; ++i) {
    uint64_t word = (*mask)[i];
    for (const TokenId id : end_ids_) {
      if (id < 0 || static_cast<size_t>(id) / 64 != i) continue;
      const uint64_t bit = uint64_t{1} << (id % 64);
      const bool is_text = !masks_.vocabulary().TextOf(id).empty();
      if (!is_text)
        word = state.accepting ? word | bit : word & ~bit;
      else if (state.accepting)
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
  last_.push_back(id);
  if (last_.size() > kLookBack) last_.pop_front();
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

// False: they may not come.
bool GrammarConstraint::Follow(StackSet& state, std::span<const TokenId> ids) {
  for (const TokenId id : ids) {
    const std::string_view text = masks_.vocabulary().TextOf(id);
    if (text.empty()) return false;
    state = After(state, text);
    if (state.dead()) return false;
  }
  return true;
}

void GrammarConstraint::MaskBehind(std::span<const TokenId> ids, std::span<uint64_t> allowed) {
  StackSet state = state_;
  if (Follow(state, ids)) Mask(state, allowed);
}

// The bytes each of which is the only one that may come; moves the state behind them.
std::string GrammarConstraint::ForcedText(StackSet& state, size_t max_bytes) {
  std::string text;
  while (text.size() < max_bytes && !state.accepting) {
    const ByteSet next = arena_.NextBytes(state);
    if (next.count() != 1) break;
    size_t byte = 0;
    while (!next.test(byte)) ++byte;
    text.push_back(static_cast<char>(byte));
    state = arena_.Step(state, static_cast<uint8_t>(byte));
  }
  return text;
}

// As the tokenizer would write it behind what stands there: where the two meet within a piece of text, the ids before
// say how it was begun. Ids that the tokenizer would have written otherwise before are no help, and are left out.
std::vector<TokenId> GrammarConstraint::Spell(std::string_view text, std::span<const TokenId> ids) const {
  const TokenVocabulary& vocabulary = masks_.vocabulary();
  std::string before;
  for (const TokenId id : last_) before += vocabulary.TextOf(id);
  for (const TokenId id : ids) before += vocabulary.TextOf(id);
  const std::vector<TokenId> all = vocabulary.tokenizer().Encode(before + std::string(text));
  size_t at = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    if (at == before.size()) return {all.begin() + static_cast<std::ptrdiff_t>(i), all.end()};
    at += vocabulary.TextOf(all[i]).size();
  }
  return vocabulary.tokenizer().Encode(text);
}

std::vector<TokenId> GrammarConstraint::GuessForced(std::span<const TokenId> ids, int max_ids) {
  StackSet state = state_;
  if (max_ids <= 0 || !Follow(state, ids)) return {};
  const std::string text = ForcedText(state, kMaxForcedBytes * static_cast<size_t>(max_ids));
  std::vector<TokenId> guess;
  if (!text.empty()) guess = Spell(text, ids);
  if (state.accepting && state.stacks.empty() && end_ids_.size() == 1) guess.push_back(end_ids_[0]);
  if (std::ssize(guess) > max_ids) guess.resize(static_cast<size_t>(max_ids));
  return guess;
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
