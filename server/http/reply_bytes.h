// Replies as they stand on the wire.
#pragma once

#include <string>
#include <string_view>

#include "api/json/error.h"
#include "server/http/http.h"

namespace puna::server {

// What of a request its reply depends on.
struct ReplyFrame {
  bool head_only = false;  // HEAD
  int minor = 1;           // HTTP/1.0 knows no chunks: the end of the connection ends the body
  bool keep_alive = true;
  int keep_alive_seconds = 30;
  bool dated = true;
};

// Head and body.
std::string WholeReply(const HttpReply& reply, const ReplyFrame& frame);

// An error of the server (5xx) for a connection that ends with it, and whose request nobody has read. It may be said long after it
// was made, and so has no date, which errors of this kind may do without (RFC 9110, section 6.6.1).
std::string ErrorReply(const api::ApiError& error);

// The head of a body that comes piece by piece, then its pieces, then its end.
std::string StreamHead(const HttpReply& reply, const ReplyFrame& frame);
void AppendPiece(std::string_view piece, const ReplyFrame& frame, std::string& out);
void AppendStreamEnd(const ReplyFrame& frame, std::string& out);

}  // namespace puna::server
