#include "engine/grammar/masks/grammar_constraint.h"

#include <algorithm>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

constexpr size_t kMaxForcedBytes = 4096;

// Without a character at the end that is not whole.
std::string_view WholeChars(std::string_view text) {
  size_t tail = 0;
  while (tail < text.size() && tail < 4 && (static_cast<uint8_t>(text[text.size() - 1 - tail]) & 0xC0) == 0x80) ++tail;
  if (tail >= text.size()) return text.substr(0, 0);
  const auto lead = static_cast<uint8_t>(text[text.size() - 1 - tail]);
  const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return length == tail + 1 ? text : text.substr(0, text.size() - 1 - tail);
}

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

// The bytes that must come, as the tokenizer would write them. Its last token is left to the model
// where text may follow: a longer token could be the usual way to write it.
std::vector<TokenId> GrammarConstraint::Forced() {
  std::string text;
  StackSet state = state_;
  while (text.size() < kMaxForcedBytes && !state.accepting) {
    const ByteSet bytes = arena_.NextBytes(state);
    if (bytes.count() != 1) break;
    const auto byte = static_cast<uint8_t>(bytes._Find_first());
    text += static_cast<char>(byte);
    state = arena_.Step(state, byte);
  }
  const bool ends = state.accepting && state.stacks.empty();
  if (text.empty()) return ends && !end_ids_.empty() ? std::vector<TokenId>{end_ids_[0]} : std::vector<TokenId>{};
  const std::string_view whole = WholeChars(text);
  const TokenVocabulary& vocabulary = masks_.vocabulary();
  std::vector<TokenId> ids = vocabulary.tokenizer().Encode(whole);
  if (!(ends && whole.size() == text.size()) && !ids.empty()) ids.pop_back();
  // Only what spells the text exactly, in tokens that may come.
  size_t at = 0, good = 0;
  for (; good < ids.size(); ++good) {
    const std::string_view bytes = vocabulary.TextOf(ids[good]);
    if (bytes.empty() || IsEnd(ids[good]) || whole.substr(at, bytes.size()) != bytes) break;
    at += bytes.size();
  }
  ids.resize(good);
  if (ends && at == text.size() && !end_ids_.empty()) ids.push_back(end_ids_[0]);
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
