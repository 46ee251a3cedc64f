// One sequence's way back: token events in, what a client may see out. Stop strings, tool calls and
// log-probabilities are lined up with the text here. Stop strings are looked for in what is content: a call has an end of
// its own, and half of one is of no use to anybody.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/fields/stop_matcher.h"
#include "api/tool_calls/tool_call_parser.h"
#include "engine/request/token_event.h"
#include "engine/request/token_stream.h"
#include "engine/tokenizer/detokenizer.h"
#include "engine/tokenizer/tokenizer.h"

namespace puna::server {

// A token whose text is out, with its log-probabilities.
struct ScoredToken {
  engine::TokenId id = engine::kNoToken;
  std::optional<engine::Logprobs> logprobs;  // none for the first token of a prompt
  size_t text_offset = 0;                    // characters of the choice's text before it
  bool of_prompt = false;
};

struct OutputPiece {
  std::string content;
  std::vector<api::ToolCallDelta> calls;
  std::vector<ScoredToken> tokens;  // when log-probabilities were asked for
  bool last = false;                // nothing follows

  // Whether there is anything to show.
  bool empty() const { return content.empty() && calls.empty() && tokens.empty(); }
};

struct OutputOptions {
  std::vector<std::string> stop = {};
  bool include_stop = false;
  int min_tokens = 0;  // stop strings count only behind so many
  bool skip_special_tokens = true;
  std::vector<engine::TokenId> end_ids = {};  // never shown; empty when they do not end the sequence
  bool logprobs = false;
  bool energy = false;                                     // its cost is wanted
  bool guesses = false;                                    // what came of speculation is wanted
  std::optional<api::ToolCallParser::Options> tools = {};  // none: everything is content
  std::vector<engine::TokenId> echo = {};                  // prompt ids that come first in the text
};

class OutputPipeline {
 public:
  // `tokenizer` and `ids` must outlive it. Destroying it ends the sequence within a step.
  OutputPipeline(OutputOptions options, const engine::Tokenizer& tokenizer, engine::TokenReader reader,
                 api::IdGenerator& ids);

  // `call` is called, on the engine's thread, when Next has something to take.
  void OnArrival(std::function<void()> call) { reader_.OnArrival(std::move(call)); }

  // What has become certain: one piece for each token that made something so, and at the end a last
  // piece, empty or not. Takes what has come, and does not wait. Always whole UTF-8.
  std::vector<OutputPiece> Next();

  // Whether the first token has come: the prompt is computed.
  bool started() const { return started_; }
  // No more pieces follow. Then there is either a finish reason or an error.
  bool done() const { return done_; }
  // stop, length or tool_calls.
  std::string finish_reason() const;
  // The stop string that ended the text; empty: none did.
  std::string stop_string() const { return stop_matcher_.stopped() ? stop_matcher_.stop() : ""; }
  // Set when the engine could not go on; kShutdown when the server ends.
  std::optional<engine::Finish> failure() const;
  // Whether the engine has given its account, too. A sequence that a stop string ended is done a step before; Next goes on
  // until then.
  bool settled() const { return finish_.has_value(); }
  // When settled: what was used.
  engine::Usage Usage() const;

 private:
  void TakeEvent(engine::TokenEvent& event, OutputPiece& piece);
  void TakePromptToken(engine::TokenEvent& event, OutputPiece& piece);
  void TakeToken(engine::TokenEvent& event, OutputPiece& piece);
  void AddText(const std::string& text, OutputPiece& piece);
  void Give(const std::string& text, OutputPiece& piece);
  void Look(const std::string& content, OutputPiece& piece);
  void TakeParsed(api::OutputDelta delta, OutputPiece& piece);
  void EmitEcho(OutputPiece& piece);
  void End(OutputPiece& piece);
  void ReleaseTokens(bool all, OutputPiece& piece);
  std::string TextOf(engine::TokenId id);

  struct Pending {
    ScoredToken token;
    size_t begin;  // bytes of the answer's text before it
  };

  OutputOptions options_;
  const engine::Tokenizer& tokenizer_;
  engine::TokenReader reader_;
  engine::Detokenizer detokenizer_;
  engine::Detokenizer echo_detokenizer_;
  api::StopMatcher stop_matcher_;
  std::optional<api::ToolCallParser> tool_parser_;
  engine::TokenId python_tag_ = engine::kNoToken;

  std::deque<Pending> pending_;  // tokens whose text is not yet out
  size_t fed_bytes_ = 0;         // of the answer, before the stop matcher
  size_t safe_bytes_ = 0;        // of the answer: no stop string takes them back
  size_t characters_ = 0;        // of echo and answer, before the stop matcher
  int completion_tokens_ = 0;
  bool echoed_ = false;
  bool started_ = false;
  bool done_ = false;
  std::optional<engine::Finish> finish_;
};

}  // namespace puna::server
