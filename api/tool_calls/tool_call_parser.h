// Tells tool calls from text in a model's output, while it streams. Total: any text gives a result, nothing throws; linear
// time; nesting is bounded.
//
// The rule for when something comes out:
// * Text is held back only while it may still be a call, or may be white space before one. As soon as no continuation can
//   make it a call it is content, complete and in order. Readers decide exactly; past 256 bytes of a candidate they look
//   again each time it has grown by a quarter, which is what keeps the whole linear.
// * Not constrained: a call is certain only when the text has ended, because anything that follows may turn the whole
//   output into plain text ("... is what I would call"). So calls come with Finish(), each as a delta with id and name and
//   one with its arguments. A client never sees a call that is later taken back.
// * Constrained (the caller's grammar has made sure that what begins as a JSON call is one): a call is certain as soon as
//   its name and the opening brace of its arguments are there. Its delta with id and name comes then, and its arguments
//   follow byte for byte. A call that max_tokens cuts ends with what there is; one that is cut before its name leaves
//   nothing. Only the JSON forms ({"name": ..., "parameters": {...}} with the name first, with or without <|python_tag|>,
//   and Hermes' <tool_call>) stream like this.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/fields/id_generator.h"
#include "api/fields/message.h"
#include "api/tool_calls/custom_input.h"
#include "api/tool_calls/tool_format.h"

namespace puna::api {

// One piece of a call, as OpenAI streams them: the first of a call has id and name, the others
// arguments only.
struct ToolCallDelta {
  int index = 0;
  std::string id;
  std::string name;
  std::string arguments;
  bool custom = false;  // of a custom tool: `arguments` are text of its input
};

struct OutputDelta {
  std::string content;
  std::vector<ToolCallDelta> calls;
  bool empty() const { return content.empty() && calls.empty(); }
};

class CallStreamer;
struct CallText;

class ToolCallParser {
 public:
  struct Options {
    ToolFormat format = ToolFormat::kLlama;
    bool constrained = false;
    bool parallel = true;  // false: calls after the first are not given
    // Calls of other functions are plain text; empty: any name will do.
    std::vector<std::string> names = {};
    // Those of them whose calls have an input in place of arguments (custom_input.h).
    std::vector<std::string> custom = {};
    // The whole text is calls; one that is cut before its name is known leaves nothing.
    bool demanded = false;
    // Not empty: calls begin as one of these, with the first byte of the text, and nowhere else. What begins otherwise is
    // content at once.
    std::vector<std::string> beginnings = {};
  };
  // `ids` must outlive the parser.
  ToolCallParser(Options options, IdGenerator& ids);
  ~ToolCallParser();

  // The next piece of the text, cut anywhere.
  OutputDelta Feed(std::string_view text);
  // The end of the text; what was held back is decided now.
  OutputDelta Finish();

  // White space (up to 1 KiB) at the end of what came, which a call behind it would take away.
  std::string_view held_space() const;
  // Whether a call has been given; then a `stop` is told to the client as `tool_calls`.
  bool has_calls() const { return num_calls_ > 0; }
  // Whether the last call that was given lacks its end.
  bool cut() const;

 private:
  enum class Phase {
    kBegin,  // it may begin as one of `beginnings`
    kWhole,  // from body_start_ on it may be a call that takes the whole rest
    kText,   // content, up to the next marker
    kTag,    // from tag_start_ on there may be tagged calls
    kHold,   // only the end can tell: text after <|python_tag|> that is no call by itself
    kFree,   // nothing can be a call any more
    kCalls,  // streamed calls have begun (constrained)
  };

  Phase FirstPhase() const { return options_.format == ToolFormat::kLlama ? Phase::kWhole : Phase::kText; }
  bool AreOffered(const std::vector<CallText>& calls) const;
  void Advance();
  bool AdvanceBegin();
  bool AdvanceWhole();
  bool AdvanceText();
  bool AdvanceTag();
  bool IsDue(size_t size);
  size_t CutCallAt() const;
  void FeedPiece(std::string_view piece, OutputDelta& delta);
  void FollowConstrained(OutputDelta& delta);
  size_t HeldFrom() const;
  std::string TakeContent(size_t end, bool keep_space);
  void BeginCall(const std::string& name, std::vector<ToolCallDelta>& out);
  void ContinueCall(const std::string& arguments, std::vector<ToolCallDelta>& out);
  void EndCall(std::vector<ToolCallDelta>& out);
  void Append(const std::string& arguments, std::vector<ToolCallDelta>& out);

  Options options_;
  IdGenerator& ids_;
  std::string text_;  // all of it
  Phase phase_;
  size_t sent_ = 0;         // content given so far: a prefix of text_
  size_t spaces_from_ = 0;  // text_ from sent_ to here is white space
  size_t scan_ = 0;         // kText: no marker begins before this
  size_t marker_ = 0;       // kText: where a marker may be beginning; the end of text_ if none
  size_t body_start_ = 0, tag_start_ = 0;
  size_t next_look_ = 0;
  bool python_tag_seen_ = false;
  bool function_tags_dead_ = false;  // one of them did not parse
  int num_calls_ = 0;
  bool muted_ = false;                      // the current call is one too many
  std::optional<CustomInput> input_;        // of the current call, if it is a custom tool's
  std::unique_ptr<CallStreamer> streamer_;  // constrained: follows the candidate
  size_t followed_ = 0;                     // bytes of text_ the streamer has seen
};

struct ParsedOutput {
  std::string content;
  std::vector<ToolCall> calls;
};
// The same for a text that is complete.
ParsedOutput ParseToolCalls(std::string_view text, ToolCallParser::Options options, IdGenerator& ids);

}  // namespace puna::api
