// One client's connection on the event loop: bytes in, through TLS and framing, to one exchange at a time; its reply out again.
// Pipelined requests wait for their turn in order.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/event_loop.h"
#include "server/http/exchange.h"
#include "server/http/http_context.h"
#include "server/http/request_framer.h"
#include "server/http/request_memory.h"
#include "server/http/tls.h"

namespace puna::server {

class Connection final : public EventLoop::Watcher, public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  // Owns the socket, which does not block. `on_close` is called once, last of all.
  Connection(std::shared_ptr<HttpContext> context, int socket, std::string peer, bool in_reserve,
             std::function<void(Connection&)> on_close);
  ~Connection();

  void Begin();  // watches the socket
  // The server stops: what is being answered is answered, and then it ends; an idle connection ends now.
  void Stop();
  // Ends it with a 503: its place is needed.
  void Evict();
  void Close();

  bool in_reserve() const { return in_reserve_; }

  void OnEvents(uint32_t events) override;
  void OnTime() override;

 private:
  class Bell;

  // Bytes on their way in.
  void ReadSocket();
  void TakeBytes(std::string_view bytes);
  void TakePlain(std::string_view bytes);
  size_t Pump(std::string_view bytes);
  void PumpKept();
  bool TakesBody() const;
  void TakeBody();
  void BeginExchange(std::optional<FramingFault> fault);
  void PeerEnded();
  void PeerLeft();
  void Probe();

  // Bytes on their way out.
  void OnExchange();
  void EndExchange(const Exchange::Output& output);
  void SendReply(std::string bytes);
  void Send(std::string_view plain);
  void OutOfMemory();
  void SayNoMemory();
  void Flush();
  void CountLeftOver();
  void Linger();

  void Overdue();
  void Update();
  uint32_t WantedEvents() const;
  std::optional<Clock::time_point> Deadline() const;
  size_t unsent() const { return out_.size() - sent_; }
  bool closed() const { return socket_ < 0; }

  const std::shared_ptr<HttpContext> context_;
  const std::string peer_;
  const bool in_reserve_;
  const std::function<void(Connection&)> on_close_;
  int socket_;
  uint32_t watched_ = 0;
  std::shared_ptr<const TlsContext> tls_context_;
  std::unique_ptr<TlsSession> tls_;

  std::string in_;  // plain bytes that no request has taken yet
  RequestFramer framer_;
  std::shared_ptr<Exchange> exchange_;       // of the request that is being answered
  bool body_wanted_ = false;                 // its head is in order
  bool body_over_ = false;                   // all of it is there, or nothing more of it is waited for
  bool in_stream_ = false, is_sse_ = false;  // of its reply
  bool peer_ended_ = false;                  // nothing more comes
  bool used_ = false;                        // a request has been answered
  bool stopping_ = false;                    // none may follow the present one
  std::shared_ptr<KeyAccount> account_;      // of the last request that had a key
  std::shared_ptr<void> counted_;            // by that account
  bool lingers_ = false;                     // all is said; waits for the client to end, too
  std::string out_;                          // for the wire
  size_t sent_ = 0;                          // of it
  size_t taken_ = 0;                         // bytes that the client took since it fell behind
  size_t left_over_bytes_ = 0;
  RequestMemory::Share left_over_{context_->memory};  // what waits for the client when its request has ended

  Clock::time_point since_ = Clock::now();  // the client has owed what it owes now
  Clock::time_point behind_since_;          // bytes have waited for the client
  Clock::time_point linger_until_;
  std::optional<Clock::time_point> again_;     // the exchange wants to be woken
  std::optional<Clock::time_point> probe_at_;  // whether a client that ended still reads
};

}  // namespace puna::server
