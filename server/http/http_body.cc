#include "server/http/http_body.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "server/http/connection_guard.h"

namespace puna::server {
namespace {

using Clock = std::chrono::steady_clock;

api::ApiError Unframed(const std::string& what) { return {400, "invalid_request_error", "invalid_http", what}; }

bool IsChunked(std::string encoding) {
  std::transform(encoding.begin(), encoding.end(), encoding.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return encoding == "chunked";
}

}  // namespace

std::optional<api::ApiError> FramingFault(const httplib::Request& request, size_t limit) {
  const size_t lengths = request.get_header_value_count("Content-Length");
  const size_t encodings = request.get_header_value_count("Transfer-Encoding");
  if (lengths + encodings > 1) {
    return Unframed("The length of the body is given twice; send one Content-Length or one Transfer-Encoding.");
  }
  if (encodings == 1 && !IsChunked(request.get_header_value("Transfer-Encoding")))
    return Unframed("The only Transfer-Encoding understood here is 'chunked'.");
  if (lengths == 0) return std::nullopt;
  const std::string text = request.get_header_value("Content-Length");
  size_t length = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (end != text.data() + text.size() || fault == std::errc::invalid_argument)
    return Unframed("Content-Length must be a number of bytes.");
  if (fault == std::errc::result_out_of_range || length > limit) return api::PayloadTooLarge(limit);
  return std::nullopt;
}

Body::Body(const httplib::Request& request, httplib::Response& response, const httplib::ContentReader* reader,
           size_t limit)
    : request_(request), response_(response), limit_(limit) {
  // Without a length there is no body; waiting for one would end with a timeout.
  if (request.has_header("Content-Length") || request.has_header("Transfer-Encoding")) reader_ = reader;
}

bool Body::Receive(std::string& body, bool& slow) {
  const auto* reader = std::exchange(reader_, nullptr);
  const Clock::time_point start = Clock::now();
  return (*reader)([&](const char* data, size_t size) {
    body.append(data, size);
    const std::chrono::duration<double> taken = Clock::now() - start;
    const double allowed = kBodyTime.count() + static_cast<double>(body.size()) / kSlowestBytesPerSecond;
    return !(slow = taken.count() > allowed);
  });
}

std::string Body::Read() {
  if (reader_ == nullptr) return request_.body;
  std::string body;
  bool slow = false;
  if (Receive(body, slow)) return body;
  auto* connection = ConnectionGuard::Connection::Current();
  if (connection != nullptr) connection->EndAfterReply();
  if (slow) {
    throw api::ApiError(408, "invalid_request_error", "request_timeout", "The body came too slowly.");
  }
  if (response_.status == 413) throw api::PayloadTooLarge(limit_);
  if (response_.status == 415) throw api::UnsupportedContentType(request_.get_header_value("Content-Encoding"));
  throw api::MalformedBody("the connection ended before the body did");
}

void Body::Discard() {
  if (reader_ == nullptr) return;
  const auto* reader = std::exchange(reader_, nullptr);
  const auto ignore = [](const char*, size_t) { return true; };
  const bool whole =
      request_.is_multipart_form_data() ? (*reader)([](const auto&) { return true; }, ignore) : (*reader)(ignore);
  auto* connection = ConnectionGuard::Connection::Current();
  if (!whole && connection != nullptr) connection->EndAfterReply();
}

}  // namespace puna::server
