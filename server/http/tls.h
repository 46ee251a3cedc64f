// TLS as a filter between a socket's bytes and a request's: OpenSSL over memory, so that the event loop alone touches sockets.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct ssl_ctx_st;
struct ssl_st;

namespace puna::server {

// A certificate with its key.
class TlsContext {
 public:
  // PEM files. Throws std::runtime_error that names them.
  TlsContext(const std::string& cert_file, const std::string& key_file);

 private:
  friend class TlsSession;
  std::shared_ptr<ssl_ctx_st> context_;
};

// The server's side of one connection.
class TlsSession {
 public:
  explicit TlsSession(const TlsContext& context);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;

  enum class Status {
    kOpen,    // also while hands are being shaken
    kClosed,  // the client has said that it ends (close_notify)
    kFailed,  // nothing more can be understood
  };
  // Takes bytes from the wire; appends what they say to `plain`, and what must be sent back to `wire`.
  Status Receive(std::string_view bytes, std::string& plain, std::string& wire);
  // Appends `plain`, encrypted, to `wire`. False: it cannot be sent.
  bool Send(std::string_view plain, std::string& wire);
  void Close(std::string& wire);         // close_notify
  bool fresh() const { return fresh_; }  // nothing has been received

 private:
  void TakeOutput(std::string& wire);

  ssl_st* ssl_;
  bool fresh_ = true;
};

}  // namespace puna::server
