// AnswerIndex: finished answers, to be looked up while later ones are written. Answers alone, since prompts are looked up
// where they stand. Each tenant sees its own: how fast an answer comes tells whether it was known, so what others
// got must not be looked up (arXiv 2411.01076).
//
// A ring of ids with the hash chains of LZ77: an entry for each triple of ids, under a hash that the tenant is part of,
// linked to the one before. What is new overwrites what is oldest, and that is all there is of eviction: a link says how far
// back it leads, and one that leads out of the ring ends the chain. About 14 bytes an id. The engine's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "engine/base/token_id.h"
#include "engine/kv_cache/block_hash.h"
#include "engine/request/request.h"

namespace puna::engine {

class AnswerIndex {
 public:
  static constexpr int kMinAgreement = 3;   // ids: what the chains are over
  static constexpr int kMaxAgreement = 48;  // longer counts no more

  // Keeps the last max_ids ids, 1 <= max_ids < 2^31. shared: all tenants are one.
  AnswerIndex(int64_t max_ids, bool shared);

  // The name of the tenant that the request is for. Nobody can construct two that have the same.
  BlockHash TenantOf(const Request& request) const;

  void Add(const BlockHash& tenant, std::span<const TokenId> answer);

  // What followed, in this tenant's answers, the place that agrees with the end of `text` in the most ids, the latest of
  // them; at least `least`. Puts up to max_ids ids into `next`, and returns in how many it agrees; 0: there is none.
  int Find(const BlockHash& tenant, std::span<const TokenId> text, int least, int max_ids,
           std::vector<TokenId>& next) const;

  int64_t num_ids() const;  // that can be found now
  static int64_t BytesFor(int64_t max_ids);

 private:
  struct Answer {
    uint64_t first = 0;  // position of its first id; it ends where the next begins
    BlockHash tenant;
  };

  TokenId At(uint64_t position) const { return ids_[position % ids_.size()]; }
  uint64_t oldest() const { return end_ > ids_.size() ? end_ - ids_.size() : 0; }
  const Answer* AnswerAt(uint64_t position, uint64_t& end) const;
  size_t Slot(const BlockHash& tenant, const TokenId* ids) const;

  const bool shared_;
  const HashKey key_;
  uint64_t end_ = 0;                // ids ever added: the position of the next
  std::vector<TokenId> ids_;        // [max_ids], by position modulo max_ids
  std::vector<uint32_t> previous_;  // likewise: how far back the chain goes on; 0: it ends
  std::vector<uint32_t> heads_;     // by Slot: the low bits of the last position + 1; 0: none
  std::deque<Answer> answers_;      // in order; the first may be half overwritten
};

}  // namespace puna::engine
