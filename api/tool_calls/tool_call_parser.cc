#include "api/tool_calls/tool_call_parser.h"

#include <algorithm>
#include <utility>

#include "api/tool_calls/call_streamer.h"
#include "api/tool_calls/llama_calls.h"
#include "engine/text/characters.h"
#include "engine/text/utf8.h"

namespace puna::api {

ToolCallParser::ToolCallParser(Options options, IdGenerator& ids)
    : options_(std::move(options)), ids_(ids), phase_(FirstPhase()) {
  if (!options_.beginnings.empty()) phase_ = Phase::kBegin;
  if (options_.constrained) streamer_ = std::make_unique<CallStreamer>(options_.format);
}

ToolCallParser::~ToolCallParser() = default;

OutputDelta ToolCallParser::Feed(std::string_view text) {
  OutputDelta delta;
  if (options_.constrained) {
    // Byte by byte, so that a call is certain at the same byte however the text is cut.
    for (size_t i = 0; i < text.size(); ++i) FeedPiece(text.substr(i, 1), delta);
  } else {
    FeedPiece(text, delta);
  }
  return delta;
}

void ToolCallParser::FeedPiece(std::string_view piece, OutputDelta& delta) {
  text_ += piece;
  Advance();
  delta.content += TakeContent(HeldFrom(), /*keep_space=*/phase_ == Phase::kFree);
  if (streamer_) FollowConstrained(delta);
}

OutputDelta ToolCallParser::Finish() {
  OutputDelta delta;
  if (phase_ == Phase::kCalls) {
    EndCall(delta.calls);
    return delta;
  }
  if (phase_ == Phase::kFree) {  // with what has come of a character that was cut
    const size_t given = std::exchange(sent_, text_.size());
    return {text_.substr(given), {}};
  }
  const auto read = options_.format == ToolFormat::kLlama ? ReadLlamaOutput : ReadHermesOutput;
  ModelOutput output = read(text_);
  if (const size_t cut = CutCallAt(); output.calls.empty() && cut < text_.size()) {
    text_.resize(cut);
    output = read(text_);
    output.content = text::TrimSpaceRight(output.content);
  }
  if (output.content.size() > sent_) delta.content = output.content.substr(sent_);
  if (!AreOffered(output.calls)) delta.content = text_.substr(std::min(sent_, text_.size()));
  sent_ = text_.size();
  for (const CallText& call : AreOffered(output.calls) ? output.calls : std::vector<CallText>()) {
    BeginCall(call.name, delta.calls);
    ContinueCall(call.arguments, delta.calls);
  }
  EndCall(delta.calls);
  return delta;
}

// Where a call stands that was certain to be one, though its end or even its name has not come; the text's end if none.
size_t ToolCallParser::CutCallAt() const {
  if (!options_.constrained) return text_.size();
  if (options_.demanded) return 0;
  const std::string_view text = text_;
  if (phase_ == Phase::kTag) return text.rfind(options_.format == ToolFormat::kLlama ? kFunctionTag : kHermesTag);
  if (phase_ == Phase::kText) return text.substr(marker_).starts_with(kFunctionTag) ? marker_ : text.size();
  if (phase_ != Phase::kWhole) return text.size();
  const std::string_view call = text.substr(text::SkipSpace(text, body_start_));
  const bool is_named = call.starts_with('{') && call.substr(text::SkipSpace(call, 1)).starts_with("\"name\"");
  return is_named ? HeldFrom() : text.size();
}

std::string_view ToolCallParser::held_space() const {
  const std::string_view rest = std::string_view(text_).substr(sent_);
  constexpr size_t kMost = 1024;  // keeps a look at it short; of more, what is behind the next word tells
  return rest.size() <= kMost && text::TrimSpaceRight(rest).empty() ? rest : std::string_view();
}

bool ToolCallParser::AreOffered(const std::vector<CallText>& calls) const {
  const std::vector<std::string>& names = options_.names;
  return names.empty() || std::all_of(calls.begin(), calls.end(), [&](const CallText& call) {
           return std::find(names.begin(), names.end(), call.name) != names.end();
         });
}

void ToolCallParser::Advance() {
  while (true) {
    bool moved = false;
    switch (phase_) {
      case Phase::kBegin:
        moved = AdvanceBegin();
        break;
      case Phase::kWhole:
        moved = AdvanceWhole();
        break;
      case Phase::kText:
        moved = AdvanceText();
        break;
      case Phase::kTag:
        moved = AdvanceTag();
        break;
      default:
        break;
    }
    if (!moved) return;
  }
}

// Whether a candidate of this size is worth another look.
bool ToolCallParser::IsDue(size_t size) {
  constexpr size_t kAlways = 256;
  if (size > kAlways && size < next_look_) return false;
  next_look_ = size + size / 4;
  return true;
}

bool ToolCallParser::AdvanceBegin() {
  const auto is_begun = [&](const std::string& beginning) { return text_.starts_with(beginning); };
  const auto may_begin = [&](const std::string& beginning) { return beginning.starts_with(text_); };
  const std::vector<std::string>& all = options_.beginnings;
  if (std::any_of(all.begin(), all.end(), is_begun))
    phase_ = FirstPhase();
  else if (std::none_of(all.begin(), all.end(), may_begin))
    phase_ = Phase::kFree;
  return phase_ != Phase::kBegin;
}

bool ToolCallParser::AdvanceWhole() {
  const std::string_view body = text::WholeCharacters(std::string_view(text_).substr(body_start_));
  if (!IsDue(body.size()) || ReadWholeCalls(body).verdict != Verdict::kPlain) return false;
  next_look_ = 0;
  if (!python_tag_seen_) {
    phase_ = Phase::kText;
    return true;
  }
  phase_ = function_tags_dead_ ? Phase::kFree : Phase::kHold;
  return false;
}

bool ToolCallParser::cut() const { return phase_ == Phase::kCalls && streamer_ != nullptr && streamer_->in_call(); }

bool ToolCallParser::AdvanceText() {
  const std::string_view text = text_;
  const bool llama = options_.format == ToolFormat::kLlama;
  const std::string_view tag = llama ? kPythonTag : kHermesTag;
  while ((marker_ = std::min(text.find('<', scan_), text.size())) < text.size()) {
    const std::string_view rest = text.substr(marker_);
    if (rest.starts_with(tag)) {
      (llama ? body_start_ : tag_start_) = marker_ + (llama ? tag.size() : 0);
      python_tag_seen_ = llama;
      phase_ = llama ? Phase::kWhole : Phase::kTag;
      return true;
    }
    if (tag.starts_with(rest)) return false;
    size_t end;
    const Verdict function = llama && !function_tags_dead_ ? MatchFunctionTag(text, marker_, end) : Verdict::kPlain;
    if (function == Verdict::kPartial) return false;
    if (function == Verdict::kCalls) {
      tag_start_ = marker_;
      phase_ = Phase::kTag;
      return true;
    }
    scan_ = marker_ + 1;
  }
  scan_ = text.size();
  return false;
}

bool ToolCallParser::AdvanceTag() {
  const std::string_view tagged = text::WholeCharacters(std::string_view(text_).substr(tag_start_));
  if (!IsDue(tagged.size())) return false;
  const bool llama = options_.format == ToolFormat::kLlama;
  size_t first;
  const CallsReading reading = llama ? ReadFunctionTags(tagged, first) : ReadHermesCalls(tagged, first);
  if (reading.verdict != Verdict::kPlain) return false;
  next_look_ = 0;
  function_tags_dead_ = true;
  phase_ = llama ? Phase::kText : Phase::kFree;
  scan_ = tag_start_ + 1;
  return llama;
}

size_t ToolCallParser::HeldFrom() const {
  switch (phase_) {
    case Phase::kText:
      return marker_;
    case Phase::kTag:
      return tag_start_;
    case Phase::kFree:
      return text_.size();
    case Phase::kCalls:
      return sent_;
    default:
      return python_tag_seen_ ? body_start_ - kPythonTag.size() : 0;
  }
}

// Content up to `end` that has not been given yet: whole characters and, unless `keep_space`, no
// white space at its end, since that goes when a call follows.
std::string ToolCallParser::TakeContent(size_t end, bool keep_space) {
  if (end <= spaces_from_ && !keep_space) return {};
  const std::string_view whole = text::WholeCharacters(std::string_view(text_).substr(0, end));
  if (whole.size() <= sent_) return {};
  size_t stop = whole.size();
  if (!keep_space) {
    const size_t from = std::max(sent_, spaces_from_);
    stop = from + text::TrimSpaceRight(whole.substr(std::min(from, whole.size()))).size();
    spaces_from_ = std::max(from, whole.size());
    if (stop == from) return {};
  }
  std::string content(text_, sent_, stop - sent_);
  sent_ = stop;
  return content;
}

// Shows the streamer what has come since it last looked. It begins at the start of a candidate, and
// anew at the next.
void ToolCallParser::FollowConstrained(OutputDelta& delta) {
  const bool hermes = options_.format == ToolFormat::kHermes;
  if (phase_ != Phase::kCalls && phase_ != (hermes ? Phase::kTag : Phase::kWhole)) return;
  const size_t start = hermes ? tag_start_ + kHermesTag.size() : body_start_;
  if (followed_ < start && phase_ != Phase::kCalls) {
    streamer_ = std::make_unique<CallStreamer>(options_.format);
    followed_ = start;
  }
  for (; followed_ < text_.size(); ++followed_) {
    const CallStreamer::Step step = streamer_->Feed(text_[followed_]);
    if (step.call_begins) {
      phase_ = Phase::kCalls;
      BeginCall(streamer_->name(), delta.calls);
    }
    ContinueCall(step.arguments, delta.calls);
    if (step.stray && phase_ == Phase::kCalls) delta.content += text_[followed_];
  }
}

void ToolCallParser::BeginCall(const std::string& name, std::vector<ToolCallDelta>& out) {
  EndCall(out);
  muted_ = num_calls_ > 0 && !options_.parallel;
  if (muted_) return;
  const std::vector<std::string>& custom = options_.custom;
  if (std::find(custom.begin(), custom.end(), name) != custom.end()) input_.emplace();
  out.push_back({num_calls_++, ids_.Next("call_"), name, {}, input_.has_value()});
}

void ToolCallParser::ContinueCall(const std::string& arguments, std::vector<ToolCallDelta>& out) {
  if (!muted_) Append(input_ ? input_->Feed(arguments) : arguments, out);
}

void ToolCallParser::EndCall(std::vector<ToolCallDelta>& out) {
  if (input_) Append(input_->Finish(), out);
  input_.reset();
}

void ToolCallParser::Append(const std::string& arguments, std::vector<ToolCallDelta>& out) {
  if (arguments.empty()) return;
  if (out.empty() || !out.back().id.empty()) out.push_back({num_calls_ - 1, {}, {}, {}, input_.has_value()});
  out.back().arguments += arguments;
}

ParsedOutput ParseToolCalls(std::string_view text, ToolCallParser::Options options, IdGenerator& ids) {
  ToolCallParser parser(options, ids);
  ParsedOutput output;
  for (OutputDelta& delta : std::vector<OutputDelta>{parser.Feed(text), parser.Finish()}) {
    output.content += delta.content;
    for (ToolCallDelta& call : delta.calls) {
      if (static_cast<size_t>(call.index) >= output.calls.size())
        output.calls.push_back({call.id, call.name, {}, call.custom});
      output.calls[call.index].arguments += call.arguments;
    }
  }
  return output;
}

}  // namespace puna::api
