#include "api/tool_calls/call_streamer.h"

#include "api/tool_calls/llama_calls.h"

namespace puna::api {

CallStreamer::Step CallStreamer::Feed(char c) {
  if (failed_) return {false, {}, true};
  return object_ ? FeedObject(c) : FeedBetween(c);
}

CallStreamer::Step CallStreamer::FeedObject(char c) {
  Step step;
  const bool was_in_arguments = object_->in_arguments();
  const CallObject::State state = object_->Feed(c);
  // A grammar guarantees calls of Llama's JSON form only where the name comes first.
  const bool open = format_ == ToolFormat::kLlama && object_->begins_otherwise();
  if (state == CallObject::State::kError || open) {
    failed_ = true;
    step.stray = true;
    return step;
  }
  if (was_in_arguments || object_->in_arguments()) early_ += c;
  if (!early_.empty() && !object_->name().empty()) {
    step.call_begins = !announced_;
    announced_ = begun_ = true;
    step.arguments.swap(early_);
  }
  if (state != CallObject::State::kDone) return step;
  failed_ = !announced_;
  announced_ = false;
  early_.clear();
  between_.clear();
  object_.reset();
  return step;
}

CallStreamer::Step CallStreamer::FeedBetween(char c) {
  Step step;
  if (format_ == ToolFormat::kLlama) {
    if (c == '{') {
      object_ = NewObject();
      return FeedObject(c);
    }
    failed_ = step.stray = c != ';' && c != ' ' && c != '\n' && c != '\r' && c != '\t';
    return step;
  }
  // Hermes: what stands between calls is dropped; '<' only begins a tag, so a mismatch can only
  // begin anew with it.
  between_ += c;
  if (!kHermesTag.starts_with(between_)) between_.assign(c == '<' ? 1 : 0, '<');
  if (between_ == kHermesTag) object_ = NewObject();
  return step;
}

}  // namespace puna::api
