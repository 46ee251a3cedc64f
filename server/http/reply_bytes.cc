#include "server/http/reply_bytes.h"

#include <httplib.h>

#include <algorithm>
#include <charconv>
#include <ctime>

namespace puna::server {
namespace {

// As RFC 9110, section 5.6.7, wants it.
std::string Date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc)};
}

// Whatever a value was made of, it ends no line.
void AppendField(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ");
  const size_t begin = out.size();
  out += value;
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
      [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  out += "\r\n";
}

bool HasNoBody(int status) { return status == 204 || status == 304; }

// Everything but how long the body is.
std::string Head(const HttpReply& reply, const ReplyFrame& frame) {
  std::string out = "HTTP/1.1 " + std::to_string(reply.status) + ' ' + httplib::status_message(reply.status) + "\r\n";
  for (const auto& [name, value] : reply.headers) AppendField(name, value, out);
  if (frame.dated) AppendField("Date", Date(), out);
  if (!frame.keep_alive) {
    AppendField("Connection", "close", out);
  } else {
    if (frame.minor == 0) AppendField("Connection", "keep-alive", out);
    AppendField("Keep-Alive", "timeout=" + std::to_string(frame.keep_alive_seconds), out);
  }
  return out;
}

}  // namespace

std::string WholeReply(const HttpReply& reply, const ReplyFrame& frame) {
  std::string out = Head(reply, frame);
  if (!reply.body.empty()) AppendField("Content-Type", reply.content_type, out);
  if (!HasNoBody(reply.status)) AppendField("Content-Length", std::to_string(reply.body.size()), out);
  out += "\r\n";
  if (!frame.head_only && !HasNoBody(reply.status)) out += reply.body;
  return out;
}

std::string ErrorReply(const api::ApiError& error) {
  HttpReply reply;
  reply.status = error.status();
  reply.body = error.ToJson();
  if (error.retry_after()) reply.headers["Retry-After"] = std::to_string(*error.retry_after());
  return WholeReply(reply, {.keep_alive = false, .dated = false});
}

std::string StreamHead(const HttpReply& reply, const ReplyFrame& frame) {
  std::string out = Head(reply, frame);
  AppendField("Content-Type", reply.content_type, out);
  if (frame.minor >= 1) AppendField("Transfer-Encoding", "chunked", out);
  return out + "\r\n";
}

void AppendPiece(std::string_view piece, const ReplyFrame& frame, std::string& out) {
  if (piece.empty()) return;  // an empty chunk would be the end
  if (frame.minor == 0) {
    out += piece;
    return;
  }
  char size[17];
  const auto [end, error] = std::to_chars(size, size + sizeof size, piece.size(), 16);
  out.append(size, end).append("\r\n").append(piece).append("\r\n");
}

void AppendStreamEnd(const ReplyFrame& frame, std::string& out) {
  if (frame.minor >= 1) out += "0\r\n\r\n";
}

}  // namespace puna::server
