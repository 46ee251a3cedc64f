// Candidates: the few ids of a row that the filters leave, found without sorting the vocabulary. Lists are in order of
// id, so that what is drawn does not depend on how they were selected.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/base/token_id.h"

namespace puna::engine {

struct Candidate {
  TokenId id = kNoToken;
  float logit = 0;
  float weight = 0;  // unnormalised probability
};

// More likely first; ties: lower id first.
inline bool MoreLikely(const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

// A value that at least k entries of x reach (or all that are not -inf, when there are fewer); usually little more than
// k do: the k-th largest of the block maxima. maxima: those of the blocks of x (RowScans). scratch is overwritten.
float TopKBound(std::span<const float> maxima, size_t k, std::vector<float>& scratch);

// All ids with x >= bound and x > -inf. Weights are left at 0.
void Gather(std::span<const float> x, std::span<const float> maxima, float bound, std::vector<Candidate>& out);

// Keeps the k largest, and all that equal the k-th.
void KeepTopK(std::vector<Candidate>& candidates, size_t k);

// Keeps, from the most likely on, those before which the weights sum up to less than `limit`; the first always. Linear:
// a selection by weight. scratch is overwritten.
void KeepTopP(std::vector<Candidate>& candidates, double limit, std::vector<Candidate>& scratch);

}  // namespace puna::engine
