// The head of an HTTP/1.x request, taken apart and checked: RFC 9110 for what fields mean, RFC 9112 for how they are
// written. Whatever could be read in two ways is refused, because the proxy in front may have read it in the other one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace puna::server {

struct HeaderField {
  std::string name, value;  // as sent; the value without the white space around it
};

// Why a request is refused before any handler has seen it. Where it ends is not known, or not worth waiting for: its
// connection ends with the refusal.
struct FramingFault {
  int status;
  std::string code;  // of OpenAI's error object
  std::string message;
};

struct RequestHead {
  std::string method;
  std::string target;     // a path with its query, or *; of an absolute form, what stands behind its authority
  int minor = 1;          // HTTP/1.minor, 0 or 1
  std::string authority;  // of an absolute form; else empty
  std::vector<HeaderField> fields;

  // Set by Conclude.
  bool keep_alive = true;         // whether another request may follow
  bool expects_continue = false;  // the client waits for "100 Continue" before it sends the body
  bool chunked = false;
  size_t content_length = 0;  // of a body that is not chunked

  // Null when there is none; the first of several. Names are compared without case.
  const std::string* Find(std::string_view name) const;
  // What the comma-separated lists of all fields of that name hold, in order; empty members do not count.
  std::vector<std::string> Members(std::string_view name) const;
  bool has_body() const { return chunked || content_length > 0; }
};

// Both take a line without its end.
std::optional<FramingFault> ParseRequestLine(std::string_view line, RequestHead& head);
std::optional<FramingFault> ParseField(std::string_view line, std::vector<HeaderField>& fields);

// Draws the conclusions once all fields are there: how the body is framed and what becomes of the connection.
std::optional<FramingFault> Conclude(size_t max_body, RequestHead& head);

// Whether the two are the same but for the case of ASCII letters.
bool EqualsIgnoringCase(std::string_view a, std::string_view b);

FramingFault BadRequest(std::string message);
FramingFault BodyTooLarge(size_t max_body);
FramingFault NoMemory();  // an allocation failed

}  // namespace puna::server
