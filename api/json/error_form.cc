#include "api/json/error_form.h"

#include <string>

namespace puna::api {
namespace {

bool IsBelow(std::string_view path, std::string_view folder) {
  return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

// All as text: see ApiError::ToJson.
std::string AnthropicJson(const ApiError& error, const std::string& request_id) {
  return R"({"type":"error","error":{"type":)" + QuoteJson(std::string(AnthropicErrorType(error.status()))) +
         R"(,"message":)" + QuoteJson(error.message()) + R"(},"request_id":)" + QuoteJson(request_id) + "}";
}

}  // namespace

ErrorForm ErrorFormOf(std::string_view path, bool names_anthropic_version) {
  if (IsBelow(path, "/v1/messages")) return ErrorForm::kAnthropic;
  const bool lm_studio = IsBelow(path, "/api/v0") || IsBelow(path, "/api/v1");
  if (IsBelow(path, "/api") && !lm_studio) return ErrorForm::kOllama;
  const bool shared = IsBelow(path, "/v1/models");
  return shared && names_anthropic_version ? ErrorForm::kAnthropic : ErrorForm::kOpenAi;
}

std::string ErrorJson(const ApiError& error, ErrorForm form, const std::string& request_id) {
  switch (form) {
    case ErrorForm::kAnthropic:
      return AnthropicJson(error, request_id);
    case ErrorForm::kOllama:
      return R"({"error":)" + QuoteJson(error.message()) + "}";
    default:
      return error.ToJson();
  }
}

std::string_view AnthropicErrorType(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 402:
      return "billing_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 408:
    case 504:
      return "timeout_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
    case 529:
      return "overloaded_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}

bool MayDoBetter(int status) { return status == 408 || status == 409 || status == 429 || status >= 500; }

}  // namespace puna::api
