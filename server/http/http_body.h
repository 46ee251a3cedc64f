// The body of a request: whether it can be told where it ends, and reading it to there.
#pragma once

#include <httplib.h>

#include <optional>
#include <string>

#include "api/json/error.h"

namespace puna::server {

// Why nobody can know where this request ends (RFC 9112, section 6.3), or that its body would be
// longer than `limit` bytes. Such a request is refused before anything of its body is read, and
// ends its connection: what follows might be taken for a request that nobody sent.
std::optional<api::ApiError> FramingFault(const httplib::Request& request, size_t limit);

// Reads the body, or throws it away: what is not read would be taken for the next request of the
// connection.
class Body {
 public:
  // A null reader: the library has read the body into the request.
  Body(const httplib::Request& request, httplib::Response& response, const httplib::ContentReader* reader,
       size_t limit);

  // Throws api::ApiError: 408 when it comes too slowly, 413, 415 or 400. After that the end of the
  // body is not known; see ConnectionGuard::Connection::EndAfterReply.
  std::string Read();
  void Discard();

 private:
  bool Receive(std::string& body, bool& slow);

  const httplib::Request& request_;
  httplib::Response& response_;
  const httplib::ContentReader* reader_ = nullptr;
  size_t limit_;
};

}  // namespace puna::server
