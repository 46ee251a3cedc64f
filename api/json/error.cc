#include "api/json/error.h"

#include <nlohmann/json.hpp>

namespace puna::api {

namespace {

constexpr const char* kInvalidRequest = "invalid_request_error";

// A name a client sent may be megabytes long; a message only needs its beginning.
std::string Shorten(std::string_view text, size_t limit = 200) {
  if (text.size() <= limit) return std::string(text);
  return std::string(text.substr(0, limit)) + "...";
}

}  // namespace

ApiError&& ApiError::WithRetryAfter(int seconds) && {
  retry_after_ = seconds;
  return std::move(*this);
}

std::string QuoteJson(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Put together as text: the library's objects take memory even when they are destroyed, and end the process where there is none;
// this is what says so.
std::string ApiError::ToJson() const {
  const auto or_null = [](const std::string& text) { return text.empty() ? "null" : QuoteJson(text); };
  return R"({"error":{"message":)" + QuoteJson(message_) + R"(,"type":)" + QuoteJson(type_) + R"(,"param":)" +
         or_null(param_) + R"(,"code":)" + or_null(code_) + "}}";
}

ApiError MalformedBody(const std::string& why) {
  return {400, kInvalidRequest, "invalid_json", "The request body could not be read as JSON: " + Shorten(why, 400)};
}

ApiError MissingField(const std::string& param) {
  return {400, kInvalidRequest, "missing_required_parameter", "Missing required parameter: '" + Shorten(param) + "'.",
          Shorten(param)};
}

ApiError InvalidType(const std::string& param, std::string_view expected, std::string_view found) {
  return {400, kInvalidRequest, "invalid_type",
          "Invalid type for '" + Shorten(param) + "': expected " + std::string(expected) + ", but got " +
              std::string(found) + " instead.",
          Shorten(param)};
}

ApiError InvalidValue(const std::string& param, const std::string& why, const std::string& code) {
  return {400, kInvalidRequest, code, "Invalid '" + Shorten(param) + "': " + Shorten(why, 1000), Shorten(param)};
}

ApiError Unsupported(const std::string& param, const std::string& why, const std::string& code) {
  return {400, kInvalidRequest, code, "Unsupported parameter '" + Shorten(param) + "': " + Shorten(why, 1000),
          Shorten(param)};
}

ApiError ContextLengthExceeded(int limit, int prompt_tokens, const std::string& param) {
  return ApiError(400, kInvalidRequest, "context_length_exceeded",
                  "This model's maximum context length is " + std::to_string(limit) +
                      " tokens. However, your prompt resulted in " + std::to_string(prompt_tokens) +
                      " tokens, and at least one must be left for the answer. Shorten the prompt.",
                  param);
}

ApiError InvalidApiKey() {
  return {401, kInvalidRequest, "invalid_api_key",
          "Incorrect API key provided. Send the key this server was started with as "
          "'Authorization: Bearer KEY' or 'x-api-key: KEY'."};
}

ApiError MissingApiKey() {
  return {401, kInvalidRequest, "missing_api_key",
          "You didn't provide an API key. Send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'."};
}

ApiError UnknownPath(std::string_view method, std::string_view path) {
  return {404, kInvalidRequest, "unknown_url",
          "Unknown request URL: " + Shorten(method, 20) + " " + Shorten(path) + "."};
}

ApiError ModelNotFound(const std::string& model, const std::string& served) {
  return {404, kInvalidRequest, "model_not_found",
          "The model '" + Shorten(model) + "' does not exist here. This server has '" + served +
              "'; GET /v1/models lists what it serves.",
          "model"};
}

ApiError ResponseNotFound(const std::string& id) {
  return {404, kInvalidRequest, "response_not_found",
          "Response with id '" + Shorten(id) +
              "' not found. Responses are kept for a bounded time, in bounded number, when 'store' is true."};
}

ApiError ConversationNotFound(const std::string& id) {
  return {404, kInvalidRequest, "conversation_not_found", "Conversation with id '" + Shorten(id) + "' not found."};
}

ApiError MethodNotAllowed(std::string_view method, std::string_view path, std::string_view allowed) {
  return {
      405, kInvalidRequest, "method_not_allowed",
      "Method " + Shorten(method, 20) + " is not allowed for " + Shorten(path) + "; use " + std::string(allowed) + "."};
}

ApiError PayloadTooLarge(size_t limit_bytes) {
  return {413, kInvalidRequest, "payload_too_large",
          "The request body is larger than this server accepts (" + std::to_string(limit_bytes) + " bytes)."};
}

ApiError UnsupportedContentType(std::string_view found) {
  return {415, kInvalidRequest, "unsupported_content_type",
          "Expected 'Content-Type: application/json', but got '" + Shorten(found, 80) + "'."};
}

ApiError Overloaded(int retry_after_seconds, std::optional<int> waiting) {
  const std::string place = waiting ? "; this one would be number " + std::to_string(*waiting + 1) + " in line" : "";
  ApiError error = ApiError(429, "rate_limit_error", "server_overloaded",
                            "The server is at its limit of waiting requests" + place + ". Try again in " +
                                std::to_string(retry_after_seconds) + " s.")
                       .WithRetryAfter(retry_after_seconds);
  if (waiting) error.queue_position_ = *waiting + 1;
  return error;
}

ApiError Internal(const std::string& why) {
  return {500, "server_error", "internal_error", "The server failed: " + Shorten(why, 400)};
}

ApiError ShuttingDown(int retry_after_seconds) {
  return ApiError(503, "server_error", "shutting_down", "The server is shutting down. Try again later.")
      .WithRetryAfter(retry_after_seconds);
}

}  // namespace puna::api
