// Tool calls that the model may make but need not.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/grammar/grammar_constraint.h"

namespace puna::engine {

// Free until the text begins like a call of Llama's JSON form, {"name", or with the token
// <|python_tag|>; from then on the grammar of CompileToolCalls (kLlama) holds. A token that would
// begin a call the grammar does not know never comes, so that what looks like a call is one.
class ToolCallConstraint : public TokenConstraint {
 public:
  // `python_tag`: kNoToken where the model has none. Otherwise as GrammarConstraint.
  ToolCallConstraint(std::shared_ptr<const Grammar> calls, MaskCache& masks, std::vector<TokenId> end_ids, TokenId python_tag);

  void MaskNext(std::span<uint64_t> allowed) override;
  bool active() const override { return state_ != State::kFree; }
  void Accept(TokenId id) override;
  std::vector<TokenId> Forced() override;
  int CountAccepted(std::span<const TokenId> ids) override;

 private:
  enum class State { kOpen, kFree, kCall };
  enum class Start { kNo, kPartial, kDone };  // how a text compares to the beginning of a call

  static Start CompareStart(std::string_view text);
  bool Fits(std::string_view text);  // as the beginning of the grammar's text

  GrammarConstraint grammar_;
  MaskCache& masks_;
  TokenId python_tag_;
  State state_ = State::kOpen;
  std::string text_;  // kOpen: all of it
};

}  // namespace puna::engine
