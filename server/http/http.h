// A request and its reply as handlers see them, whatever library speaks HTTP.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "server/http/access_log.h"

namespace puna::server {

struct HttpRequest {
  std::string id;      // the client's X-Request-Id or our own; in logs and in the reply
  std::string method;  // in capitals
  std::string path;    // decoded, without the query
  std::string tail;    // what stands for the * or the {} of its route
  std::string body;
  // A parameter of the query, decoded; empty when there is none.
  std::function<std::string(const std::string& name)> query;
  std::function<std::string(const std::string& name)> header;  // empty when there is none
  std::function<bool()> client_gone;                           // asks the socket; cheap
};

// Where a streamed body goes.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  // Sends the bytes at once. False: the client has left, and nothing more can be sent.
  virtual bool Write(std::string_view bytes) = 0;
  // Asks the socket, also while there is nothing to write.
  virtual bool client_gone() = 0;
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers;
  std::string body;
  // When set, it writes the body piece by piece after the headers have gone out. Runs on the thread
  // of the connection.
  std::function<void(ByteSink&)> stream;
  // What the handler adds to the access log, until the end of the stream.
  std::shared_ptr<AccessLine> access = std::make_shared<AccessLine>();
};

using Handler = std::function<void(const HttpRequest&, HttpReply&)>;

}  // namespace puna::server
