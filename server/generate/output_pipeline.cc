#include "server/generate/output_pipeline.h"

#include <algorithm>
#include <utility>

#include "engine/text/utf8.h"

namespace puna::server {
OutputPipeline::OutputPipeline(OutputOptions options, const engine::Tokenizer& tokenizer, engine::TokenReader reader,
                               api::IdGenerator& ids)
    : options_(std::move(options)),
      tokenizer_(tokenizer),
      reader_(std::move(reader)),
      detokenizer_(tokenizer, options_.skip_special_tokens),
      echo_detokenizer_(tokenizer, true),
      stop_matcher_(options_.stop, options_.include_stop) {
  if (options_.tools) {
    tool_parser_.emplace(*options_.tools, ids);
    python_tag_ = tokenizer.SpecialId("<|python_tag|>").value_or(engine::kNoToken);
  }
}

std::vector<OutputPiece> OutputPipeline::Next() {
  std::vector<OutputPiece> pieces;
  for (engine::TokenEvent& event : reader_.Wait(std::chrono::milliseconds(0))) {
    if (done_) {  // what came behind a stop string; the account is all that matters
      if (event.kind == engine::TokenEvent::Kind::kEnd) finish_ = std::move(event.finish);
      continue;
    }
    OutputPiece piece;
    TakeEvent(event, piece);
    piece.last = done_;
    if (!piece.empty() || done_) pieces.push_back(std::move(piece));
  }
  return pieces;
}

void OutputPipeline::TakeEvent(engine::TokenEvent& event, OutputPiece& piece) {
  switch (event.kind) {
    case engine::TokenEvent::Kind::kPromptToken:
      return TakePromptToken(event, piece);
    case engine::TokenEvent::Kind::kToken:
      EmitEcho(piece);
      return TakeToken(event, piece);
    case engine::TokenEvent::Kind::kEmbedding:
      return;  // no sequence that is read here asks for one
    case engine::TokenEvent::Kind::kEnd:
      finish_ = std::move(event.finish);
      if (!failure()) EmitEcho(piece);
      return End(piece);
  }
}

void OutputPipeline::TakePromptToken(engine::TokenEvent& event, OutputPiece& piece) {
  if (options_.logprobs) piece.tokens.push_back({event.id, std::move(event.logprobs), characters_, /*of_prompt=*/true});
  const std::string text = echo_detokenizer_.Add(event.id);
  characters_ += text::CountCodePoints(text);
  piece.content += text;
  echoed_ = true;
}

// The prompt's text comes with its tokens when they are scored, and in one piece when they are not.
void OutputPipeline::EmitEcho(OutputPiece& piece) {
  std::string text = echo_detokenizer_.Flush();
  if (!std::exchange(echoed_, true)) text = tokenizer_.Decode(options_.echo, true);
  characters_ += text::CountCodePoints(text);
  piece.content += text;
}

// Llama says with a special token that a call may follow; the parser reads it as text.
std::string OutputPipeline::TextOf(engine::TokenId id) {
  if (tool_parser_ && id == python_tag_) return detokenizer_.Flush() + tokenizer_.TokenText(id);
  return detokenizer_.Add(id);
}

void OutputPipeline::TakeToken(engine::TokenEvent& event, OutputPiece& piece) {
  started_ = true;
  ++completion_tokens_;
  if (std::find(options_.end_ids.begin(), options_.end_ids.end(), event.id) != options_.end_ids.end()) return;
  if (options_.logprobs) pending_.push_back({{event.id, std::move(event.logprobs), characters_, false}, fed_bytes_});
  AddText(TextOf(event.id), piece);
  if (stop_matcher_.stopped()) {
    reader_.Cancel();
    End(piece);
  }
}

void OutputPipeline::AddText(const std::string& text, OutputPiece& piece) {
  fed_bytes_ += text.size();
  characters_ += text::CountCodePoints(text);
  if (!tool_parser_) return Look(text, piece);
  TakeParsed(tool_parser_->Feed(text), piece);
  if (stop_matcher_.stopped() || options_.stop.empty()) return;
  // White space that a call would take away may be a stop string, which comes first.
  const std::string space(tool_parser_->held_space());
  api::StopMatcher ahead = stop_matcher_;
  ahead.Feed(space);
  if (ahead.stopped()) Look(space, piece);
}

void OutputPipeline::TakeParsed(api::OutputDelta delta, OutputPiece& piece) {
  Look(delta.content, piece);
  if (stop_matcher_.stopped()) return;
  std::move(delta.calls.begin(), delta.calls.end(), std::back_inserter(piece.calls));
  safe_bytes_ = fed_bytes_ - std::min(fed_bytes_, stop_matcher_.num_held());
  ReleaseTokens(false, piece);
}

// Looks for stop strings in what comes next of the content.
void OutputPipeline::Look(const std::string& content, OutputPiece& piece) {
  Give(completion_tokens_ > options_.min_tokens ? stop_matcher_.Feed(content) : content, piece);
}

// Content that no stop string can take back.
void OutputPipeline::Give(const std::string& text, OutputPiece& piece) {
  safe_bytes_ = std::min(safe_bytes_ + text.size(), fed_bytes_);
  ReleaseTokens(false, piece);
  piece.content += text;
}

void OutputPipeline::ReleaseTokens(bool all, OutputPiece& piece) {
  while (!pending_.empty() && (all || pending_.front().begin < safe_bytes_)) {
    piece.tokens.push_back(std::move(pending_.front().token));
    pending_.pop_front();
  }
}

void OutputPipeline::End(OutputPiece& piece) {
  done_ = true;
  if (stop_matcher_.stopped()) return;
  AddText(detokenizer_.Flush(), piece);
  if (tool_parser_ && !stop_matcher_.stopped()) TakeParsed(tool_parser_->Finish(), piece);
  if (stop_matcher_.stopped()) return;
  Give(stop_matcher_.Finish(), piece);
  ReleaseTokens(true, piece);
}

std::string OutputPipeline::finish_reason() const {
  const bool cut = !stop_matcher_.stopped() && finish_ && finish_->reason == engine::FinishReason::kLength;
  if (cut) return "length";
  // Nobody should run what is left of a call.
  const bool called = tool_parser_ && tool_parser_->has_calls() && !tool_parser_->cut();
  return called ? "tool_calls" : "stop";
}

std::optional<engine::Finish> OutputPipeline::failure() const {
  if (!finish_ || stop_matcher_.stopped()) return std::nullopt;
  const bool failed = finish_->reason == engine::FinishReason::kError ||
                      finish_->reason == engine::FinishReason::kShutdown ||
                      finish_->reason == engine::FinishReason::kCancelled;
  return failed ? finish_ : std::nullopt;
}

engine::Usage OutputPipeline::Usage() const {
  engine::Usage usage = finish_ ? finish_->usage : engine::Usage();
  usage.completion_tokens = completion_tokens_;
  return usage;
}

}  // namespace puna::server
