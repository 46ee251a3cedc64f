// Tool calls whose form a grammar guarantees, given out byte by byte.
#pragma once

#include <optional>
#include <string>

#include "api/tool_calls/call_object.h"
#include "api/tool_calls/tool_call_parser.h"

namespace puna::api {

class CallStreamer {
 public:
  explicit CallStreamer(ToolFormat format) : format_(format), object_(NewObject()) {}

  // What the byte brought: a call that is now certain (its name), bytes of the current call's
  // arguments, text that belongs to no call. At most one call begins per byte.
  struct Step {
    bool call_begins = false;
    std::string arguments;
    bool stray = false;  // the byte is content: the guarantee did not hold
  };
  Step Feed(char c);

  bool begun() const { return begun_; }                           // a call has become certain
  bool in_call() const { return begun_ && object_.has_value(); }  // and its end has not come
  bool failed() const { return failed_; }                         // before any call: what was fed is no call
  const std::string& name() const { return object_->name(); }

 private:
  CallObject NewObject() const { return CallObject(format_ == ToolFormat::kLlama); }
  Step FeedObject(char c);
  Step FeedBetween(char c);

  ToolFormat format_;
  std::optional<CallObject> object_;  // none between calls
  bool begun_ = false, failed_ = false;
  bool announced_ = false;  // the current call
  std::string early_;       // arguments that came before the name
  std::string between_;     // Hermes: the beginning of a tag
};

}  // namespace puna::api
