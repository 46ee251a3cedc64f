#include "engine/scheduler/ngram_proposer.h"

#include <algorithm>
#include <bit>

namespace puna::engine {
namespace {

constexpr int kTriple = NgramProposer::kMinMatch;
constexpr int kMaxChain = 16;  // places looked at in one look-up, latest first

}  // namespace

NgramProposer::NgramProposer(int num_prompt, std::span<const TokenId> prediction, const GuessOptions& guessing,
                             const AnswerIndex* answers, const BlockHash& tenant)
    : num_prompt_(num_prompt),
      num_prediction_(guessing.Allows(GuessSource::kPrediction) ? static_cast<int>(prediction.size()) : 0),
      guessing_(guessing),
      answers_(guessing.Allows(GuessSource::kRemembered) ? answers : nullptr),
      tenant_(tenant),
      text_(prediction.begin(), prediction.begin() + num_prediction_) {
  text_.push_back(kNoToken);  // no match runs over it
}

Guess NgramProposer::Propose(std::span<const TokenId> tokens, std::span<const TokenId> behind, int max_tokens) {
  Read(tokens);
  const int limit = std::min(max_tokens, draft_length_);
  if (limit <= 0) return {};
  text_.insert(text_.end(), behind.begin(), behind.end());  // looked up, never entered
  Guess guess = ProposeHere(static_cast<int>(tokens.size() + behind.size()) - num_prompt_, limit);
  text_.resize(text_.size() - behind.size());
  return guess;
}

Guess NgramProposer::ProposeHere(int num_output, int limit) const {
  Guess guess;
  Match match = FindPredicted(num_output);
  if (match.length == 0) match = FindLongest();
  if (answers_ != nullptr && match.length < kMaxMatch) {
    const int least = std::max(min_match_, match.length + 1);
    guess.agreement = answers_->Find(tenant_, std::span(text_).subspan(num_prediction_ + 1), least, limit, guess.ids);
    guess.source = GuessSource::kRemembered;
    if (!guess.ids.empty()) return guess;
  }
  guess.agreement = match.length;
  guess.source = match.next < num_prediction_ ? GuessSource::kPrediction : GuessSource::kLookup;
  if (match.length < min_match_ || !guessing_.Allows(guess.source)) return guess;
  // A match that overlaps its own end repeats itself, as in LZ77.
  const int end = static_cast<int>(text_.size());
  for (int i = 0; i < limit; ++i) {
    const int from = match.next + i;
    const TokenId id = from < end ? text_[from] : guess.ids[from - end];
    if (id == kNoToken) break;
    guess.ids.push_back(id);
  }
  return guess;
}

void NgramProposer::Observe(int num_proposed, int num_accepted) {
  if (num_accepted == 0) {
    min_match_ = std::min(min_match_ + 1, kMaxMinMatch);
    draft_length_ = 2;
    return;
  }
  min_match_ = kMinMatch;
  draft_length_ = num_accepted == num_proposed ? std::min(std::max(draft_length_, num_proposed) * 2, kMaxDraft)
                                               : std::clamp(num_accepted + 1, 2, kMaxDraft);
}

void NgramProposer::Read(std::span<const TokenId> tokens) {
  const size_t read = text_.size() - num_prediction_ - 1;
  text_.insert(text_.end(), tokens.begin() + static_cast<std::ptrdiff_t>(read), tokens.end());
  Index();
}

// Enters each triple that something follows. The table grows with the text, so that chains stay short.
void NgramProposer::Index() {
  const size_t wanted = std::bit_ceil(text_.size());
  if (head_.size() < wanted) {
    head_.assign(wanted * 2, -1);
    previous_.clear();
  }
  for (int i = static_cast<int>(previous_.size()); i + kTriple < static_cast<int>(text_.size()); ++i) {
    int32_t& head = head_[Slot(i)];
    previous_.push_back(head);
    head = i;
  }
}

// The answer is the prediction so far; length 0: it is not.
NgramProposer::Match NgramProposer::FindPredicted(int num_output) const {
  const bool goes_on = num_output < num_prediction_ &&
                       std::equal(text_.end() - num_output, text_.end(), text_.begin(), text_.begin() + num_output);
  return goes_on ? Match{num_output, kMaxMatch} : Match{};
}

NgramProposer::Match NgramProposer::FindLongest() const {
  Match best;
  const int end = static_cast<int>(text_.size());
  if (end < kTriple + 1) return best;
  int left = kMaxChain;
  for (int i = head_[Slot(end - kTriple)]; i >= 0 && left > 0; i = previous_[i], --left) {
    int length = 0;
    while (length < kMaxMatch && i + kTriple - 1 - length >= 0 &&
           text_[i + kTriple - 1 - length] == text_[end - 1 - length] && text_[end - 1 - length] != kNoToken) {
      ++length;
    }
    if (length > best.length) best = {i + kTriple, length};
  }
  return best;
}

uint32_t NgramProposer::Slot(int position) const {
  uint64_t mixed = 0;
  for (int i = 0; i < kTriple; ++i) mixed = (mixed + static_cast<uint32_t>(text_[position + i])) * 0x9E3779B97F4A7C15;
  return static_cast<uint32_t>(mixed >> 32) & static_cast<uint32_t>(head_.size() - 1);
}

}  // namespace puna::engine
