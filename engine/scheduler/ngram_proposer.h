// NgramProposer: looks up what was just written in all that was written before (prompt, output, the client's
// prediction, and earlier answers) and proposes what followed there. Source: Saxena, "Prompt Lookup Decoding", 2023; the
// index is that of LZ77 compressors (hash chains over three ids), so a look-up costs the same in a long prompt. Earlier
// answers as in Oliaro et al., "SuffixDecoding", arXiv 2411.04975: the place that agrees longest is taken, at equal
// length one of the sequence's own.
//
// How much it dares: a draft that comes true whole doubles the next one's length, up to kMaxDraft; one that fails at
// once lengthens the match that is asked for, up to kMaxMinMatch, so that text without repetition is left alone;
// success resets that. Replayed over prose, code and random ids, with rows that cost 5 % of a step each, this never
// lost time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/scheduler/answer_index.h"
#include "engine/scheduler/proposer.h"

namespace puna::engine {

class NgramProposer : public Proposer {
 public:
  static constexpr int kMinMatch = 3;     // ids that must agree before a guess is made
  static constexpr int kMaxMinMatch = 6;  // the same after many failures
  static constexpr int kMaxMatch = 48;    // longer agreement counts no more
  static constexpr int kFirstDraft = 4;   // ids in the first guess
  static constexpr int kMaxDraft = 15;    // with the sampled one, sixteen rows

  // answers: null where none are kept; must outlive it.
  NgramProposer(int num_prompt, std::span<const TokenId> prediction, const GuessOptions& guessing = {},
                const AnswerIndex* answers = nullptr, const BlockHash& tenant = kRootHash);

  Guess Propose(std::span<const TokenId> tokens, std::span<const TokenId> behind, int max_tokens) override;
  void Observe(int num_proposed, int num_accepted) override;

 private:
  struct Match {
    int next = -1;  // in text_: what followed
    int length = 0;
  };
  void Read(std::span<const TokenId> tokens);
  void Index();
  Guess ProposeHere(int num_output, int limit) const;
  Match FindPredicted(int num_output) const;
  Match FindLongest() const;
  uint32_t Slot(int position) const;

  const int num_prompt_;
  const int num_prediction_;
  const GuessOptions guessing_;
  const AnswerIndex* const answers_;
  const BlockHash tenant_;
  std::vector<TokenId> text_;      // prediction, kNoToken, tokens so far
  std::vector<int32_t> head_;      // by Slot: the last position of such a triple, -1 = none
  std::vector<int32_t> previous_;  // by position: the one before with the same Slot
  int min_match_ = kMinMatch;
  int draft_length_ = kFirstDraft;
};

}  // namespace puna::engine
