// Tool calls that the model may make but need not.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/grammar/masks/grammar_constraint.h"
#include "engine/grammar/masks/tag_finder.h"

namespace puna::engine {

// Free until a call begins, in one of the forms; from then on that form's grammar holds. A token
// that would begin a call the grammar does not know never comes, so that what looks like a call is
// one.
class ToolCallConstraint : public TokenConstraint {
 public:
  struct Form {
    std::shared_ptr<const Grammar> calls;
    // The text that begins a call, wherever it stands, and with which the grammar begins, too. Null:
    // Llama's JSON form, which begins with {"name" at the start of the text or behind `python_tag`.
    // Must outlive the constraint.
    const TagFinder* tag = nullptr;
  };
  struct Ends {
    std::vector<TokenId> ids;  // empty: the calls' own end ends the text
    // The calls do not end the text: the client has asked for more tokens (min_tokens, ignore_eos),
    // which are free again.
    bool goes_on = false;
  };

  // `python_tag`: kNoToken where the model has none. `masks` must outlive the constraint.
  ToolCallConstraint(const std::vector<Form>& forms, MaskCache& masks, const Ends& ends, TokenId python_tag);

  void MaskNext(std::span<uint64_t> allowed) override;
  bool active() const override;
  void Accept(TokenId id) override;
  std::vector<TokenId> Forced() override;
  std::vector<TokenId> GuessForced(std::span<const TokenId> ids, int max_ids) override;
  void MaskBehind(std::span<const TokenId> ids, std::span<uint64_t> allowed) override;
  bool ended() const override { return !free_ && !ends_.goes_on && call_ != nullptr && call_->ended(); }
  int CountAccepted(std::span<const TokenId> ids) override;

 private:
  enum class Start { kNo, kPartial, kDone };  // how a text compares to the beginning of a call
  struct Watch {
    const TagFinder* tag;
    std::unique_ptr<GrammarConstraint> grammar;
    int state = 0;  // of the finder
  };

  static Start CompareStart(std::string_view text);
  bool FitsStart(std::string_view text);
  static bool FitsTag(Watch& watch, std::string_view token, size_t end);
  void MaskStart(std::span<uint64_t> allowed);
  void Begin(GrammarConstraint& call, std::string_view text);
  void AcceptSpecial(TokenId id);
  void AcceptFree(std::string_view token);
  bool GoesOn(TokenId id);

  MaskCache& masks_;
  Ends ends_;
  TokenId python_tag_;
  std::unique_ptr<GrammarConstraint> start_;  // of the JSON form; null: it is not among the forms
  std::string text_;                          // all of it, while the JSON form may be beginning
  bool open_;                                 // it may
  std::vector<Watch> watches_;
  GrammarConstraint* call_ = nullptr;  // the one that has begun
  bool free_ = false;                  // nothing is a call any more
};

}  // namespace puna::engine
