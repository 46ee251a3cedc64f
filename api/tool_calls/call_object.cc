#include "api/tool_calls/call_object.h"

#include <nlohmann/json.hpp>

namespace puna::api {

namespace {

// `raw` is a JSON string with its quotes, known to be well formed. A lone surrogate makes it empty.
std::string Decode(const std::string& raw) {
  if (raw.find('\\') == std::string::npos) return raw.substr(1, raw.size() - 2);
  const nlohmann::json value = nlohmann::json::parse(raw, nullptr, /*allow_exceptions=*/false);
  return value.is_string() ? value.get<std::string>() : std::string();
}

}  // namespace

CallObject::State CallObject::Feed(char c) {
  const JsonScanner::State state = scanner_.Feed(c);
  ++fed_;
  if (state == JsonScanner::State::kError) return State::kError;
  if (!begun_) {
    begun_ = c == '{';
    return c == '[' ? State::kError : State::kMore;
  }
  if (recording_) token_ += c;
  if (scanner_.depth() == 1) FollowMember(scanner_.event(), c);
  return state == JsonScanner::State::kDone ? State::kDone : State::kMore;
}

void CallObject::FollowMember(JsonScanner::Event event, char c) {
  switch (event) {
    case JsonScanner::Event::kKeyStart:
      recording_ = true;
      token_ = c;
      break;
    case JsonScanner::Event::kKeyEnd:
      recording_ = false;
      key_ = Classify(Decode(token_));
      begins_otherwise_ |= !has_key_ && key_ != Key::kName;
      has_key_ = true;
      break;
    case JsonScanner::Event::kValueStart:
      StartValue(c);
      break;
    case JsonScanner::Event::kValueEnd:
      EndValue();
      break;
    case JsonScanner::Event::kNone:
      break;
  }
}

void CallObject::StartValue(char c) {
  if (key_ == Key::kName) {
    name_.clear();  // a repeated key: the last one counts, as in Python's json
    recording_ = c == '"';
    token_ = c;
  } else if (key_ != Key::kOther) {
    (key_ == Key::kParameters ? has_parameters_ : has_arguments_) = true;
    arguments_are_object_ = in_arguments_ = c == '{';
    arguments_begin_ = fed_ - 1;
  }
}

void CallObject::EndValue() {
  if (recording_) name_ = Decode(token_);
  recording_ = false;
  if (in_arguments_) arguments_end_ = fed_;
  in_arguments_ = false;
}

CallObject::Key CallObject::Classify(const std::string& key) const {
  if (key == "name") return Key::kName;
  if (key == "arguments") return Key::kArguments;
  return key == "parameters" && accept_parameters_ ? Key::kParameters : Key::kOther;
}

bool CallObject::is_call() const {
  return !name_.empty() && has_parameters_ != has_arguments_ && arguments_are_object_;
}

}  // namespace puna::api
