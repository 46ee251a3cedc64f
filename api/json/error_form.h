// How an error stands on the wire: each protocol has an object of its own.
#pragma once

#include <string>
#include <string_view>

#include "api/json/error.h"

namespace puna::api {

enum class ErrorForm {
  kOpenAi,     // {"error": {"message", "type", "param", "code"}}
  kAnthropic,  // {"type": "error", "error": {"type", "message"}, "request_id"}
  kOllama,     // {"error": "..."}
};

// The form that the client of a request reads: decided by its path, and where protocols share a path by whether it says
// which version of Anthropic's it speaks (the header anthropic-version).
ErrorForm ErrorFormOf(std::string_view path, bool names_anthropic_version);

// One line of JSON; never throws on odd bytes.
std::string ErrorJson(const ApiError& error, ErrorForm form, const std::string& request_id);

// Anthropic's name for the kind of an error with this status.
std::string_view AnthropicErrorType(int status);

// Whether the same request may do better later; Anthropic's clients try again unless they are told (x-should-retry).
bool MayDoBetter(int status);

}  // namespace puna::api
