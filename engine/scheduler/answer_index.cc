#include "engine/scheduler/answer_index.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <string>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

constexpr int kChainOver = AnswerIndex::kMinAgreement;
constexpr int kMostPlaces = 16;     // places looked at in one look-up, latest first
constexpr int kShortestAnswer = 8;  // ids; shorter ones are not worth their place
constexpr int64_t kIdsOfASlot = 2;  // the table has half as many slots as the ring has ids, to a power of two

size_t NumSlots(int64_t max_ids) {
  return std::bit_ceil(static_cast<size_t>(std::max<int64_t>(2, max_ids / kIdsOfASlot)));
}

}  // namespace

AnswerIndex::AnswerIndex(int64_t max_ids, bool shared)
    : shared_(shared),
      key_(RandomHashKey()),
      ids_(static_cast<size_t>(max_ids)),
      previous_(static_cast<size_t>(max_ids)),
      heads_(NumSlots(max_ids)) {
  PUNA_CHECK(max_ids > 0 && max_ids <= std::numeric_limits<int32_t>::max()) << max_ids;
}

BlockHash AnswerIndex::TenantOf(const Request& request) const {
  if (shared_) return kRootHash;
  return RootHash(std::to_string(request.tenant) + ":" + request.cache_salt, key_);
}

int64_t AnswerIndex::BytesFor(int64_t max_ids) {
  constexpr auto kAnswers = static_cast<int64_t>(sizeof(Answer)) / kShortestAnswer;  // at most
  return max_ids * static_cast<int64_t>(sizeof(TokenId) + sizeof(uint32_t) + kAnswers) +
         static_cast<int64_t>(NumSlots(max_ids) * sizeof(uint32_t));
}

int64_t AnswerIndex::num_ids() const { return static_cast<int64_t>(end_ - oldest()); }

size_t AnswerIndex::Slot(const BlockHash& tenant, const TokenId* ids) const {
  uint64_t mixed = tenant.low;
  for (int i = 0; i < kChainOver; ++i) mixed = (mixed + static_cast<uint32_t>(ids[i])) * 0x9E3779B97F4A7C15;
  return static_cast<size_t>(mixed >> 32) & (heads_.size() - 1);
}

void AnswerIndex::Add(const BlockHash& tenant, std::span<const TokenId> answer) {
  if (std::ssize(answer) > std::ssize(ids_)) answer = answer.last(ids_.size());
  if (std::ssize(answer) < kShortestAnswer) return;
  answers_.push_back({end_, tenant});
  const uint64_t first = end_;
  for (const TokenId id : answer) {
    ids_[end_ % ids_.size()] = id;
    previous_[end_ % ids_.size()] = 0;
    ++end_;
  }
  // Each triple that something follows, under the position of its first id.
  for (size_t i = 0; i + kChainOver < answer.size(); ++i) {
    const uint64_t position = first + i;
    uint32_t& head = heads_[Slot(tenant, &answer[i])];
    const uint32_t back = static_cast<uint32_t>(position + 1) - head;  // in 32 bits, as heads are kept
    if (head != 0 && back <= position && back < ids_.size()) previous_[position % ids_.size()] = back;
    head = static_cast<uint32_t>(position + 1);
  }
  while (answers_.size() > 1 && answers_[1].first <= oldest()) answers_.pop_front();
}

// The answer that holds the position, and where it ends.
const AnswerIndex::Answer* AnswerIndex::AnswerAt(uint64_t position, uint64_t& end) const {
  const auto behind = std::upper_bound(answers_.begin(), answers_.end(), position,
                                       [](uint64_t p, const Answer& answer) { return p < answer.first; });
  if (behind == answers_.begin()) return nullptr;
  end = behind == answers_.end() ? end_ : behind->first;
  return &*(behind - 1);
}

// Links may be stale: a chain that leads out of the ring has ended, and what it leads to is compared, tenant and ids.
int AnswerIndex::Find(const BlockHash& tenant, std::span<const TokenId> text, int least, int max_ids,
                      std::vector<TokenId>& next) const {
  next.clear();
  const int known = static_cast<int>(std::min<size_t>(text.size(), kMaxAgreement));
  const int wanted = std::max(least, kChainOver);
  if (known < wanted || end_ == 0) return 0;
  const uint32_t head = heads_[Slot(tenant, &text[text.size() - kChainOver])];
  if (head == 0) return 0;
  uint64_t back = static_cast<uint32_t>(end_ + 1) - head;
  int best = 0;
  uint64_t position = end_, found = 0, found_end = 0;
  for (int left = kMostPlaces; left > 0 && back > 0 && back <= position - oldest(); --left) {
    position -= back;
    uint64_t end = 0;
    const Answer* answer = AnswerAt(position, end);
    if (answer != nullptr && answer->tenant == tenant && position + kChainOver < end) {
      const uint64_t first = std::max(answer->first, oldest());
      const uint64_t last = position + kChainOver - 1;  // of the triple
      int length = 0;
      while (length < known && last >= first + length && At(last - length) == text[text.size() - 1 - length]) ++length;
      if (length > best) best = length, found = last + 1, found_end = end;
    }
    back = previous_[position % ids_.size()];
  }
  if (best < wanted) return 0;
  for (uint64_t p = found; p < std::min(found_end, found + static_cast<uint64_t>(max_ids)); ++p) next.push_back(At(p));
  return best;
}

}  // namespace puna::engine
