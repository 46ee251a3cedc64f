// The client's faults and ours, as OpenAI's error object. Thrown on HTTP threads, caught once at
// the top of the handler.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace puna::api {

class ApiError : public std::exception {
 public:
  // `type`, `code` and `param` as in OpenAI's error object; an empty code or param becomes null on
  // the wire.
  ApiError(int status, std::string type, std::string code, std::string message, std::string param = "")
      : status_(status),
        type_(std::move(type)),
        code_(std::move(code)),
        message_(std::move(message)),
        param_(std::move(param)) {}

  int status() const { return status_; }
  const std::string& type() const { return type_; }
  const std::string& code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& param() const { return param_; }
  const char* what() const noexcept override { return message_.c_str(); }

  // Seconds for a Retry-After header.
  std::optional<int> retry_after() const { return retry_after_; }
  // Where the refused request would have stood in line, from 1.
  std::optional<int> queue_position() const { return queue_position_; }
  ApiError&& WithRetryAfter(int seconds) &&;

  // {"error": {"message", "type", "param", "code"}}; never throws on odd bytes.
  std::string ToJson() const;

 private:
  int status_;
  std::string type_, code_, message_, param_;
  friend ApiError Overloaded(int retry_after_seconds, std::optional<int> waiting);
  std::optional<int> retry_after_, queue_position_;
};

// A JSON string of the text; what is no UTF-8 in it is replaced.
std::string QuoteJson(const std::string& text);

// 400, invalid_request_error.
ApiError MalformedBody(const std::string& why);
ApiError MissingField(const std::string& param);
ApiError InvalidType(const std::string& param, std::string_view expected, std::string_view found);
ApiError InvalidValue(const std::string& param, const std::string& why, const std::string& code = "invalid_value");
ApiError Unsupported(const std::string& param, const std::string& why,
                     const std::string& code = "unsupported_parameter");

// The prompt leaves no room for an answer; `param` names the prompt.
ApiError ContextLengthExceeded(int limit, int prompt_tokens, const std::string& param);

ApiError InvalidApiKey();                                                     // 401
ApiError MissingApiKey();                                                     // 401
ApiError UnknownPath(std::string_view method, std::string_view path);         // 404
ApiError ModelNotFound(const std::string& model, const std::string& served);  // 404
ApiError ResponseNotFound(const std::string& id);                             // 404
ApiError ConversationNotFound(const std::string& id);                         // 404
ApiError MethodNotAllowed(std::string_view method, std::string_view path,
                          std::string_view allowed);      // 405
ApiError PayloadTooLarge(size_t limit_bytes);             // 413
ApiError UnsupportedContentType(std::string_view found);  // 415
// 429; `waiting` stand in line.
ApiError Overloaded(int retry_after_seconds, std::optional<int> waiting = {});
ApiError Internal(const std::string& why);       // 500
ApiError ShuttingDown(int retry_after_seconds);  // 503

}  // namespace puna::api
