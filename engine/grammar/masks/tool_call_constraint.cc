#include "engine/grammar/masks/tool_call_constraint.h"

#include <algorithm>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string_view SkipSpace(std::string_view text) {
  const size_t at = text.find_first_not_of(kSpace);
  return at == std::string_view::npos ? std::string_view() : text.substr(at);
}

void Forbid(TokenId id, std::span<uint64_t> allowed) {
  allowed[static_cast<size_t>(id) / 64] &= ~(uint64_t{1} << (id % 64));
}

}  // namespace

ToolCallConstraint::ToolCallConstraint(const std::vector<Form>& forms, MaskCache& masks, const Ends& ends,
                                       TokenId python_tag)
    : masks_(masks), ends_(ends), python_tag_(python_tag) {
  for (const Form& form : forms) {
    auto grammar = std::make_unique<GrammarConstraint>(form.calls, masks, ends.ids);
    if (form.tag == nullptr) {
      start_ = std::move(grammar);
    } else {
      watches_.push_back({form.tag, std::move(grammar)});
    }
  }
  open_ = start_ != nullptr;
}

ToolCallConstraint::Start ToolCallConstraint::CompareStart(std::string_view text) {
  constexpr std::string_view kName = "\"name\"";
  text = SkipSpace(text);
  if (text.empty()) return Start::kPartial;
  if (text[0] != '{') return Start::kNo;
  text = SkipSpace(text.substr(1));
  if (text.starts_with(kName)) return Start::kDone;
  return kName.starts_with(text) ? Start::kPartial : Start::kNo;
}

bool ToolCallConstraint::FitsStart(std::string_view text) { return start_->Fits(SkipSpace(text)); }

// Whether the token, whose byte before `end` completes the tag, goes on as a call does.
bool ToolCallConstraint::FitsTag(Watch& watch, std::string_view token, size_t end) {
  return watch.grammar->Fits(watch.tag->tag() + std::string(token.substr(end)));
}

bool ToolCallConstraint::active() const {
  if (free_) return false;
  return call_ != nullptr || open_ || std::any_of(watches_.begin(), watches_.end(), [](const Watch& watch) {
           return !watch.tag->Completing(watch.state).empty();
         });
}

void ToolCallConstraint::MaskNext(std::span<uint64_t> allowed) {
  if (free_) return;
  if (call_ != nullptr) {
    if (!(ends_.goes_on && call_->complete())) call_->MaskNext(allowed);
    return;
  }
  if (open_) MaskStart(allowed);
  for (Watch& watch : watches_) {
    for (const TagFinder::Hit& hit : watch.tag->Completing(watch.state)) {
      if (!FitsTag(watch, masks_.vocabulary().TextOf(hit.id), hit.end)) Forbid(hit.id, allowed);
    }
  }
}

void ToolCallConstraint::MaskStart(std::span<uint64_t> allowed) {
  const TokenVocabulary& vocabulary = masks_.vocabulary();
  for (TokenId id = 0; id < vocabulary.vocab_size(); ++id) {
    const std::string_view token = vocabulary.TextOf(id);
    // Only a token with a quotation mark can complete the start.
    if (token.find('"') == std::string_view::npos) continue;
    const std::string text = text_ + std::string(token);
    if (CompareStart(text) == Start::kDone && !FitsStart(text)) Forbid(id, allowed);
  }
}

void ToolCallConstraint::Begin(GrammarConstraint& call, std::string_view text) {
  const bool fits = call.AcceptText(text);
  PUNA_CHECK(fits) << "a call that the grammar does not know: " << text;
  call_ = &call;
}

// Whether the id stands behind calls that are complete, and not in one.
bool ToolCallConstraint::GoesOn(TokenId id) {
  if (!ends_.goes_on || !call_->complete()) return false;
  const std::string_view token = masks_.vocabulary().TextOf(id);
  return token.empty() || !call_->Fits(token);
}

void ToolCallConstraint::Accept(TokenId id) {
  if (free_) return;
  if (call_ != nullptr) {
    free_ = GoesOn(id);
    if (!free_) call_->Accept(id);
    return;
  }
  const std::string_view token = masks_.vocabulary().TextOf(id);
  token.empty() ? AcceptSpecial(id) : AcceptFree(token);
  free_ = call_ == nullptr && !open_ && watches_.empty();
}

void ToolCallConstraint::AcceptSpecial(TokenId id) {
  const bool tagged = open_ && id == python_tag_ && id != kNoToken && SkipSpace(text_).empty();
  open_ = false;
  for (Watch& watch : watches_) watch.state = 0;
  if (tagged) Begin(*start_, "");
}

void ToolCallConstraint::AcceptFree(std::string_view token) {
  if (open_) {
    text_ += token;
    const Start start = CompareStart(text_);
    if (start == Start::kDone) return Begin(*start_, SkipSpace(text_));
    open_ = start == Start::kPartial;
  }
  for (Watch& watch : watches_) {
    size_t end;
    watch.state = watch.tag->Step(watch.state, token, end);
    if (end != token.npos) return Begin(*watch.grammar, watch.tag->tag() + std::string(token.substr(end)));
  }
}

std::vector<TokenId> ToolCallConstraint::Forced() {
  if (free_ || call_ == nullptr) return {};
  std::vector<TokenId> ids = call_->Forced();
  const auto is_end = [this](TokenId id) {
    return std::find(ends_.ids.begin(), ends_.ids.end(), id) != ends_.ids.end();
  };
  while (ends_.goes_on && !ids.empty() && is_end(ids.back())) ids.pop_back();
  return ids;
}

std::vector<TokenId> ToolCallConstraint::GuessForced(std::span<const TokenId> ids, int max_ids) {
  if (free_ || call_ == nullptr || (ends_.goes_on && call_->complete())) return {};
  std::vector<TokenId> guess = call_->GuessForced(ids, max_ids);
  if (ends_.goes_on && !guess.empty() && std::count(ends_.ids.begin(), ends_.ids.end(), guess.back()) > 0)
    guess.pop_back();
  return guess;
}

void ToolCallConstraint::MaskBehind(std::span<const TokenId> ids, std::span<uint64_t> allowed) {
  if (ids.empty()) return MaskNext(allowed);
  if (!free_ && call_ != nullptr && !ends_.goes_on) call_->MaskBehind(ids, allowed);
}

// Guesses end where a call begins: what follows is drawn.
int ToolCallConstraint::CountAccepted(std::span<const TokenId> ids) {
  const int all = static_cast<int>(ids.size());
  if (free_ || ids.empty()) return all;
  if (call_ != nullptr) return GoesOn(ids[0]) ? 1 : call_->CountAccepted(ids);
  std::string text = text_;
  bool open = open_;
  std::vector<int> states;
  for (const Watch& watch : watches_) states.push_back(watch.state);
  for (int i = 0; i < all; ++i) {
    const std::string_view token = masks_.vocabulary().TextOf(ids[static_cast<size_t>(i)]);
    if (token.empty()) return i;
    text += token;
    const Start start = open ? CompareStart(text) : Start::kNo;
    if (start == Start::kDone) return i + FitsStart(text);
    open = start == Start::kPartial;
    for (size_t w = 0; w < watches_.size(); ++w) {
      size_t end;
      states[w] = watches_[w].tag->Step(states[w], token, end);
      if (end != token.npos) return i + FitsTag(watches_[w], token, end);
    }
  }
  return all;
}

}  // namespace puna::engine
