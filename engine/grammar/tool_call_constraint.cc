#include "engine/grammar/tool_call_constraint.h"

#include "engine/base/check.h"

namespace puna::engine {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string_view SkipSpace(std::string_view text) {
  const size_t at = text.find_first_not_of(kSpace);
  return at == std::string_view::npos ? std::string_view() : text.substr(at);
}

}  // namespace

ToolCallConstraint::ToolCallConstraint(std::shared_ptr<const Grammar> calls, MaskCache& masks, std::vector<TokenId> end_ids, TokenId python_tag)
    : grammar_(std::move(calls), masks, std::move(end_ids)), masks_(masks), python_tag_(python_tag) {}

ToolCallConstraint::Start ToolCallConstraint::CompareStart(std::string_view text) {
  constexpr std::string_view kName = "\"name\"";
  text = SkipSpace(text);
  if (text.empty()) return Start::kPartial;
  if (text[0] != '{') return Start::kNo;
  text = SkipSpace(text.substr(1));
  if (text.starts_with(kName)) return Start::kDone;
  return kName.starts_with(text) ? Start::kPartial : Start::kNo;
}

bool ToolCallConstraint::Fits(std::string_view text) { return grammar_.Fits(SkipSpace(text)); }

void ToolCallConstraint::MaskNext(std::span<uint64_t> allowed) {
  if (state_ == State::kFree) return;
  if (state_ == State::kCall) return grammar_.MaskNext(allowed);
  const TokenVocabulary& vocabulary = masks_.vocabulary();
  for (TokenId id = 0; id < vocabulary.vocab_size(); ++id) {
    const std::string_view token = vocabulary.TextOf(id);
    // Only a token with a quotation mark can complete the start.
    if (token.find('"') == std::string_view::npos) continue;
    const std::string text = text_ + std::string(token);
    if (CompareStart(text) == Start::kDone && !Fits(text)) allowed[static_cast<size_t>(id) / 64] &= ~(uint64_t{1} << (id % 64));
  }
}

void ToolCallConstraint::Accept(TokenId id) {
  if (state_ == State::kFree) return;
  if (state_ == State::kCall) return grammar_.Accept(id);
  const std::string_view token = masks_.vocabulary().TextOf(id);
  if (token.empty()) {
    const bool tagged = id == python_tag_ && id != kNoToken && SkipSpace(text_).empty();
    state_ = tagged ? State::kCall : State::kFree;
    return;
  }
  text_ += token;
  const Start start = CompareStart(text_);
  if (start == Start::kNo) state_ = State::kFree;
  if (start != Start::kDone) return;
  const bool fits = grammar_.AcceptText(SkipSpace(text_));
  PUNA_CHECK(fits) << "a call that the grammar does not know: " << text_;
  state_ = State::kCall;
}

std::vector<TokenId> ToolCallConstraint::Forced() {
  return state_ == State::kCall ? grammar_.Forced() : std::vector<TokenId>();
}

int ToolCallConstraint::CountAccepted(std::span<const TokenId> ids) {
  if (state_ == State::kFree) return static_cast<int>(ids.size());
  if (state_ == State::kCall) return grammar_.CountAccepted(ids);
  std::string text = text_;
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::string_view token = masks_.vocabulary().TextOf(ids[i]);
    if (token.empty()) return static_cast<int>(i);  // what a special token begins is drawn, not guessed
    text += token;
    const Start start = CompareStart(text);
    if (start == Start::kNo) return static_cast<int>(ids.size());
    if (start == Start::kDone && !Fits(text)) return static_cast<int>(i);
  }
  return static_cast<int>(ids.size());
}

}  // namespace puna::engine
