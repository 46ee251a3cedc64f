// A request and its reply as handlers see them, whatever library speaks HTTP.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/json/error_form.h"
#include "server/http/access_log.h"
#include "server/http/caller.h"

namespace puna::server {

struct HttpRequest {
  std::string id;               // the client's X-Request-Id or our own; in logs and in the reply
  std::string method;           // in capitals
  std::string path;             // decoded, without the query and --path-prefix
  std::string tail;             // what stands for the * or the {} of its route; of several {}, with a / between
  std::string host;             // by what name the client called, as in its Host field; may be empty
  bool is_bare_prefix = false;  // the path is --path-prefix itself, without a slash behind it
  bool has_body = false;
  bool wants_upgrade = false;                // to another protocol, such as websocket
  std::vector<std::string> content_codings;  // of Content-Encoding; the body below is without them
  std::string body;
  std::string peer;  // the client's address, as trusted proxies tell it
  Caller caller;
  // A parameter of the query, decoded; empty when there is none.
  std::function<std::string(const std::string& name)> query;
  std::function<std::string(const std::string& name)> header;  // empty when there is none

  // Before the handler reads so many bytes more than the body has, which it names: of a conversation that is kept. Throws
  // api::ApiError 413 or 503 where there is no memory for them and what is made of them.
  void TakeMemory(size_t bytes) const {
    if (take_memory) take_memory(bytes);
  }
  std::function<void(size_t bytes)> take_memory;  // while the handler runs; null: nobody counts
};

// Where a streamed body goes.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  // Sends the bytes soon, without waiting for the client. False: it has left, and nothing more can be sent.
  virtual bool Write(std::string_view bytes) = 0;
  virtual bool client_gone() = 0;
};

struct HttpReply;

// The rest of a reply that is not there yet when its handler returns: it goes on whenever something of it has come, on
// whatever thread is free, and nobody waits in it. Destroyed when it is complete, or when the client has left.
class ReplyTask {
 public:
  using Clock = std::chrono::steady_clock;
  virtual ~ReplyTask() = default;
  // Called once, before Advance. `wake` may be called from any thread, and has Advance called soon after.
  virtual void Start(std::function<void()> wake) = 0;
  // Takes what has come. One call at a time, from changing threads; once more when the client has left, to take note of it.
  // None: the reply is complete. Else when to call again at the latest, also without a wake; max() when only that matters.
  virtual std::optional<Clock::time_point> Advance(HttpReply& reply, ByteSink& sink) = 0;
  // Of memory, about: what it has put together so far and keeps for the reply. Between two calls of Advance.
  virtual size_t bytes() const { return 0; }
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers;
  api::ErrorForm error_form = api::ErrorForm::kOpenAi;  // of what the client speaks
  std::string body;
  // One of them at most, in place of a body:
  std::unique_ptr<ReplyTask> stream;  // writes the body to its sink, piece by piece, after the headers have gone out
  std::unique_ptr<ReplyTask>
      later;  // fills this reply, which goes out when it is complete; may throw as a handler does
  // What the handler adds to the access log, until the end of the stream.
  std::shared_ptr<AccessLine> access = std::make_shared<AccessLine>();
};

using Handler = std::function<void(const HttpRequest&, HttpReply&)>;

}  // namespace puna::server
