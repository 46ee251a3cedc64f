// A narrow door for grammars: says which ids may come next. One object per sequence, used by the engine thread only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/token_id.h"

namespace puna::engine {

class TokenConstraint {
 public:
  virtual ~TokenConstraint() = default;

  // Clears the bit of every id that must not come next; `allowed` holds vocab_size bits, bit i of word i / 64, all set
  // on entry. Leaves `allowed` as it is when everything may come.
  virtual void MaskNext(std::span<uint64_t> allowed) = 0;

  // False: nothing is restricted at this point, so that MaskNext need not be called.
  virtual bool active() const = 0;

  // Moves on by one id that MaskNext allowed.
  virtual void Accept(TokenId id) = 0;

  // Ids of which each is the only one that may come, so that the model need not be asked; empty when there is a choice.
  virtual std::vector<TokenId> Forced() = 0;

  // How the only text that may follow `ids` is probably written, at most max_ids ids; empty when there is a choice of
  // text, or `ids` may not come. Unlike what Forced gives, other ids may spell the same text: it is a guess.
  virtual std::vector<TokenId> GuessForced(std::span<const TokenId> ids, int max_ids) {
    static_cast<void>(ids), static_cast<void>(max_ids);
    return {};
  }

  // As MaskNext behind `ids`, which may come; the state does not change. Leaves `allowed` as it is where that is not
  // known: for guesses only.
  virtual void MaskBehind(std::span<const TokenId> ids, std::span<uint64_t> allowed) {
    if (ids.empty()) MaskNext(allowed);
  }

  // Whether nothing may follow, not even an id that ends the text: for models that have none.
  virtual bool ended() const { return false; }

  // Whether `ids` could follow one after the other; the state does not change. Returns how many of them may.
  virtual int CountAccepted(std::span<const TokenId> ids) = 0;
};

}  // namespace puna::engine
