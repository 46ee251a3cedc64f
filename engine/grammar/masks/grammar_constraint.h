// A grammar as the constraint of a sequence.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "engine/grammar/masks/mask_cache.h"
#include "engine/request/token_constraint.h"

namespace puna::engine {

// What may come: text that keeps to the grammar; one of `end_ids` only where the text is complete;
// nothing behind it. Special tokens never come otherwise.
class GrammarConstraint : public TokenConstraint {
 public:
  // `masks` must outlive the constraint. Without `end_ids` the text ends where the grammar leaves nothing to follow.
  GrammarConstraint(std::shared_ptr<const Grammar> grammar, MaskCache& masks, std::vector<TokenId> end_ids);

  void MaskNext(std::span<uint64_t> allowed) override;
  bool active() const override { return true; }
  void Accept(TokenId id) override;
  std::vector<TokenId> Forced() override;
  std::vector<TokenId> GuessForced(std::span<const TokenId> ids, int max_ids) override;
  void MaskBehind(std::span<const TokenId> ids, std::span<uint64_t> allowed) override;
  bool ended() const override { return end_ids_.empty() && state_.accepting && state_.stacks.empty(); }
  int CountAccepted(std::span<const TokenId> ids) override;

  // Text that came before the constraint. False: it does not fit, and the state is as before.
  bool AcceptText(std::string_view text);
  // Whether the text could come next.
  bool Fits(std::string_view text) { return !After(state_, text).dead(); }
  bool complete() const { return state_.accepting; }

 private:
  bool IsEnd(TokenId id) const;
  TokenId OnlyId(const StackSet& state);
  StackSet After(const StackSet& state, std::string_view bytes);
  void Mask(const StackSet& state, std::span<uint64_t> allowed);
  bool Follow(StackSet& state, std::span<const TokenId> ids);
  std::string ForcedText(StackSet& state, size_t max_bytes);
  std::vector<TokenId> Spell(std::string_view text, std::span<const TokenId> ids) const;

  std::shared_ptr<const Grammar> grammar_;
  MaskCache& masks_;
  std::vector<TokenId> end_ids_;
  StackArena arena_;
  StackSet state_;
  std::deque<TokenId> last_;  // the ids taken last: how a text goes on depends on how it was begun
};

}  // namespace puna::engine
