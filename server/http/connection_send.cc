// A connection's way out: replies, refusals and the end.
#include <sys/socket.h>

#include <cerrno>
#include <new>
#include <utility>

#include "server/http/acceptor.h"
#include "server/http/connection.h"
#include "server/http/key_account.h"

namespace puna::server {
namespace {

constexpr seconds kLinger{10};  // at most so long for the client to end, too

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

// Says something that changes nothing. Whoever has left answers it with a reset, which ends the connection here; whoever
// has only ended its sending reads on.
void Connection::Probe() {
  probe_at_.reset();
  if (!exchange_ || unsent() > 0) return;
  const ReplyFrame frame{.minor = framer_.head().minor};
  if (!in_stream_) return frame.minor >= 1 ? Send(kContinue) : Close();
  if (!is_sse_) return;
  std::string comment;
  AppendPiece(":\n\n", frame, comment);
  Send(comment);
}

void Connection::OnExchange() {
  if (closed() || !exchange_) return;
  try {
    Exchange::Output output = exchange_->Take();
    in_stream_ = output.in_stream;
    is_sse_ = output.is_sse;
    again_ = output.again;
    if (output.account && output.account != account_) {
      counted_ = output.account->Connect();
      account_ = output.account;
    }
    if (output.wants_body && !body_wanted_) {
      body_wanted_ = true;
      since_ = Clock::now();
      if (framer_.head().expects_continue && framer_.body_bytes() == 0) Send(kContinue);
      if (!closed()) PumpKept();
    }
    if (!output.bytes.empty() && !closed()) SendReply(std::move(output.bytes));
    if (output.ended && !closed()) EndExchange(output);
    Update();
  } catch (const std::bad_alloc&) {
    OutOfMemory();
  }
}

void Connection::EndExchange(const Exchange::Output& output) {
  if (output.unsaid) return SayNoMemory();
  if (output.broken) return Close();
  exchange_.reset();
  CountLeftOver();
  again_.reset();
  probe_at_.reset();
  used_ = true;
  since_ = Clock::now();
  if (!output.keep_alive || stopping_ || framer_.state() == RequestFramer::State::kFault) return Linger();
  if (framer_.state() == RequestFramer::State::kBody && body_over_) return Linger();
  body_over_ = false;
  if (framer_.state() == RequestFramer::State::kBody)
    framer_.DiscardBody();
  else
    framer_.Reset();
  PumpKept();
  if (peer_ended_ && !exchange_ && !closed()) Linger();
}

// The bytes become those for the wire, where nothing else waits: a large reply is not copied.
void Connection::SendReply(std::string bytes) {
  const bool whole = !in_stream_;
  try {
    if (tls_ || unsent() > 0) return Send(bytes);
    out_ = std::move(bytes);
    sent_ = 0;
  } catch (const std::bad_alloc&) {
    std::string spare = whole && exchange_ ? exchange_->TakeSpare() : std::string();
    if (spare.empty() || closed()) return Close();
    stopping_ = true;
    return Send(spare);
  }
  Flush();
}

void Connection::Send(std::string_view plain) {
  if (!tls_)
    out_ += plain;
  else if (!tls_->Send(plain, out_))
    return Close();
  Flush();
}

void Connection::Flush() {
  const bool was_behind = taken_ > 0 || behind_since_ != Clock::time_point();
  while (unsent() > 0) {
    const ssize_t count = send(socket_, out_.data() + sent_, unsent(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (count <= 0) return Close();
    sent_ += static_cast<size_t>(count);
    taken_ += static_cast<size_t>(count);
  }
  if (unsent() == 0) {
    out_ = {};
    sent_ = taken_ = 0;
    behind_since_ = {};
  } else if (!was_behind || behind_since_ == Clock::time_point()) {
    behind_since_ = Clock::now();
    taken_ = 0;
  }
  if (sent_ > (1 << 20)) {  // what the client has is not kept
    out_.erase(0, sent_);
    sent_ = 0;
  }
  if (exchange_)
    exchange_->TellUnsent(unsent());
  else
    CountLeftOver();
  if (unsent() == 0 && lingers_) peer_ended_ ? Close() : static_cast<void>(shutdown(socket_, SHUT_WR));
}

// A request counts until it has ended; what of its reply the client has not taken by then is there all the same.
void Connection::CountLeftOver() {
  if (out_.size() != left_over_bytes_) left_over_.Set(left_over_bytes_ = out_.size());
}

// All is said. A socket that is closed with bytes unread resets the connection, and the client may lose the reply: so it is
// the client that ends, within some seconds.
void Connection::Linger() {
  if (lingers_ || closed()) return;
  lingers_ = true;
  in_ = {};
  since_ = Clock::now();
  linger_until_ = since_ + kLinger;
  if (tls_) tls_->Close(out_);
  Flush();
}

// Of this connection's request alone: it is told so as long as it can be, and then the connection ends.
void Connection::OutOfMemory() {
  if (closed()) return;
  try {
    const bool answering = exchange_ && body_over_;
    in_ = {};
    if (lingers_) return Close();
    stopping_ = true;  // what comes now may lack something before it
    if (!answering && exchange_) {
      body_over_ = true;
      exchange_->Fail(NoMemory());
    } else if (!exchange_) {
      if (unsent() > 0) return Linger();
      BeginExchange(NoMemory());
      exchange_->Begin();
    }
    Update();
  } catch (const std::bad_alloc&) {
    SayNoMemory();
  }
}

// What was made when there was memory, in the form that most clients read.
void Connection::SayNoMemory() {
  if (!tls_ && !in_stream_ && unsent() == 0 && !closed()) SayLast(socket_, context_->no_memory);
  Close();
}

}  // namespace puna::server
