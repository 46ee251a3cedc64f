#include "server/http/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "api/json/error.h"
#include "server/host/log.h"
#include "server/http/dispatcher.h"

namespace puna::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kHeadTime{20};    // for a head, from its first byte, or from the connection's beginning
constexpr seconds kReserveTime{2};  // the same where places are few
constexpr seconds kBodyTime{30};    // for a body, beside what the slowest of lines would need
constexpr seconds kWriteTime{30};   // for taking a reply, likewise
constexpr double kSlowestBytesPerSecond = 16 << 10;
constexpr milliseconds kLingerSilence{1000};  // while it is silent
constexpr milliseconds kFirstRequest{500};    // for a connection that has just been made when the server stops
constexpr milliseconds kProbeDelay{100};      // a reply that is there by then shows by itself whether anybody reads

constexpr size_t kReadPerTurn = 256 << 10;  // so that others have their turn
constexpr size_t kMaxAhead = 64 << 10;      // bytes kept of what comes behind the present request
constexpr size_t kMaxUnjudged = 64 << 10;   // bytes of a body kept before its head is found in order

constexpr std::string_view kNotTls =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 32\r\n\r\n"
    "This port speaks https, not http";
constexpr char kTlsHandshake = 0x16;

EventLoop::Clock::duration TimeFor(size_t bytes) {
  return std::chrono::duration_cast<EventLoop::Clock::duration>(
      std::chrono::duration<double>(static_cast<double>(bytes) / kSlowestBytesPerSecond));
}

}  // namespace

// Rung by a worker, which knows no connection.
class Connection::Bell final : public EventLoop::Notice {
 public:
  explicit Bell(std::weak_ptr<Connection> connection) : connection_(std::move(connection)) {}
  void OnNotice() override {
    if (const std::shared_ptr<Connection> connection = connection_.lock()) connection->OnExchange();
  }

 private:
  const std::weak_ptr<Connection> connection_;
};

Connection::Connection(std::shared_ptr<HttpContext> context, int socket, std::string peer, bool in_reserve,
                       std::function<void(Connection&)> on_close)
    : context_(std::move(context)),
      peer_(std::move(peer)),
      in_reserve_(in_reserve),
      on_close_(std::move(on_close)),
      socket_(socket),
      tls_context_(context_->CurrentTls()),
      tls_(tls_context_ ? std::make_unique<TlsSession>(*tls_context_) : nullptr),
      framer_(context_->limits) {
  ++context_->open;
}

Connection::~Connection() {
  if (socket_ >= 0) close(socket_);
  --context_->open;
}

void Connection::Begin() {
  watched_ = WantedEvents();
  context_->loop.Watch(socket_, watched_, *this);
  Update();
}

void Connection::Close() {
  if (closed()) return;
  const std::shared_ptr<Connection> self = shared_from_this();
  if (exchange_) exchange_->ClientLeft();
  exchange_.reset();
  context_->loop.Forget(socket_, *this);
  close(std::exchange(socket_, -1));
  on_close_(*this);
}

void Connection::Stop() {
  stopping_ = true;
  try {
    if (!exchange_ && !lingers_) {
      ReadSocket();  // a request that is already there
      if (!closed() && !exchange_ && !lingers_ && (used_ || framer_.begun())) Linger();
    }
    Update();
  } catch (const std::bad_alloc&) {
    OutOfMemory();
  }
}

void Connection::Evict() {
  if (!exchange_ && !lingers_) {
    if (!tls_) Send(ErrorReply(NoConnectionLeft(context_->config.max_connections)));
    Linger();
  }
  Close();
}

void Connection::OnEvents(uint32_t events) {
  const std::shared_ptr<Connection> self = shared_from_this();
  try {
    if (events & (EPOLLERR | EPOLLHUP)) return Close();
    if (events & EPOLLOUT) Flush();
    if (!closed() && (events & EPOLLIN)) ReadSocket();
    if (!closed() && (events & EPOLLRDHUP) && !(watched_ & EPOLLIN)) PeerEnded();
    Update();
  } catch (const std::bad_alloc&) {
    OutOfMemory();
  }
}

void Connection::OnTime() {
  const std::shared_ptr<Connection> self = shared_from_this();
  const Clock::time_point now = Clock::now();
  try {
    if (again_ && *again_ <= now) {
      again_.reset();
      if (exchange_) exchange_->Wake();
    }
    if (probe_at_ && *probe_at_ <= now) Probe();
    if (const auto deadline = closed() ? std::nullopt : Deadline(); deadline && *deadline <= now) Overdue();
    Update();
  } catch (const std::bad_alloc&) {
    OutOfMemory();
  }
}

void Connection::ReadSocket() {
  std::array<char, 64 << 10> piece;
  for (size_t total = 0; !closed() && !peer_ended_ && total < kReadPerTurn && (WantedEvents() & EPOLLIN);) {
    const ssize_t count = recv(socket_, piece.data(), piece.size(), MSG_DONTWAIT);
    if (count == 0) return PeerEnded();
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (count < 0) return Close();
    total += static_cast<size_t>(count);
    TakeBytes({piece.data(), static_cast<size_t>(count)});
  }
}

void Connection::TakeBytes(std::string_view bytes) {
  if (lingers_) {  // nobody will answer
    since_ = Clock::now();
    return;
  }
  if (!tls_) return TakePlain(bytes);
  if (!used_ && !framer_.begun() && tls_->fresh() && bytes[0] != kTlsHandshake) {
    tls_.reset();
    Send(kNotTls);
    return Linger();
  }
  std::string plain;
  const size_t before = out_.size();
  const TlsSession::Status status = tls_->Receive(bytes, plain, out_);
  if (out_.size() > before) Flush();
  if (!plain.empty() && !closed()) TakePlain(plain);
  if (closed() || status == TlsSession::Status::kOpen) return;
  peer_ended_ = true;
  if (status == TlsSession::Status::kFailed || exchange_) return Close();  // who ends TLS reads no more
  Linger();
}

void Connection::TakePlain(std::string_view bytes) {
  if (in_.empty()) bytes.remove_prefix(Pump(bytes));
  if (closed() || lingers_) return;
  in_ += bytes;
  PumpKept();
}

void Connection::PumpKept() {
  if (in_.empty()) return;
  in_.erase(0, Pump(in_));
  if (in_.empty()) in_ = {};
}

// Whether the present request may take more of its body now.
bool Connection::TakesBody() const {
  if (framer_.state() != RequestFramer::State::kBody || body_over_) return false;
  return !exchange_ || body_wanted_ || framer_.body_bytes() < kMaxUnjudged;
}

// Gives the framer what it may have of the bytes, and says how many it took. Requests are begun, bodies handed over.
size_t Connection::Pump(std::string_view bytes) {
  const size_t given = bytes.size();
  bool fresh = false;
  while (!bytes.empty() && !lingers_ && !closed()) {
    const bool in_head = framer_.state() == RequestFramer::State::kHead;
    if (in_head ? exchange_ != nullptr : !TakesBody()) break;
    const size_t most = in_head || body_wanted_ || !exchange_ ? bytes.size() : kMaxUnjudged - framer_.body_bytes();
    if (!framer_.begun()) since_ = Clock::now();
    bytes.remove_prefix(framer_.Feed(bytes.substr(0, most)));
    if (in_head && framer_.state() != RequestFramer::State::kHead) {
      const bool faulty = framer_.state() == RequestFramer::State::kFault;
      BeginExchange(faulty ? std::optional(framer_.fault()) : std::nullopt);
      fresh = true;
    } else if (!in_head && framer_.state() != RequestFramer::State::kBody) {
      TakeBody();
    } else if (!in_head && exchange_ && framer_.head().chunked && !exchange_->Grow(framer_.body_bytes())) {
      body_over_ = true;
    }
  }
  if (fresh && exchange_) exchange_->Begin();
  return given - bytes.size();
}

// The body is whole, or no body.
void Connection::TakeBody() {
  const bool faulty = framer_.state() == RequestFramer::State::kFault;
  if (!exchange_) {  // of a request that has been refused: nobody wanted it
    if (faulty) return Linger();
    framer_.Reset();
    since_ = Clock::now();
    return;
  }
  body_over_ = true;
  if (faulty)
    exchange_->Fail(framer_.fault());
  else
    exchange_->GiveBody(framer_.TakeBody());
}

void Connection::BeginExchange(std::optional<FramingFault> fault) {
  const bool whole = !fault && framer_.state() == RequestFramer::State::kComplete;
  body_wanted_ = in_stream_ = is_sse_ = false;
  body_over_ = whole || fault;
  since_ = Clock::now();
  if (peer_ended_) probe_at_ = since_ + kProbeDelay;
  exchange_ =
      std::make_shared<Exchange>(context_, Exchange::Origin{framer_.head(), std::move(fault), in_reserve_, peer_},
                                 std::make_shared<Bell>(weak_from_this()));
}

// The client sends nothing more. It may have left; or it has said what it had to say, and waits for the answer.
void Connection::PeerEnded() {
  peer_ended_ = true;
  if (lingers_ || !exchange_) return unsent() > 0 ? Linger() : Close();
  if (!body_over_) {
    body_over_ = true;
    return exchange_->Fail(BadRequest("The connection ended before the body did."));
  }
  probe_at_ = Clock::now() + kProbeDelay;
}

void Connection::Overdue() {
  if (lingers_) return Close();
  const bool idle = !exchange_ && unsent() == 0 && !framer_.begun();
  if (idle) return Linger();
  if (!in_reserve_) ++context_->cut;
  if (unsent() > 0 || (!exchange_ && framer_.state() != RequestFramer::State::kHead)) return Close();
  if (exchange_) {
    body_over_ = true;
    return exchange_->Fail({408, "request_timeout", "The body came too slowly."});
  }
  BeginExchange(FramingFault{408, "request_timeout", "The head of the request came too slowly."});
  exchange_->Begin();
}

// When the client will have taken too long over what it owes; none: it is our turn.
std::optional<Connection::Clock::time_point> Connection::Deadline() const {
  if (unsent() > 0) return behind_since_ + kWriteTime + TimeFor(taken_);
  if (lingers_) return std::min(linger_until_, since_ + kLingerSilence);
  if (framer_.state() == RequestFramer::State::kBody && !body_over_ && (!exchange_ || body_wanted_))
    return since_ + kBodyTime + TimeFor(framer_.body_bytes());
  if (exchange_) return std::nullopt;
  if (framer_.begun() || !used_)
    return since_ + (in_reserve_ ? kReserveTime : stopping_ ? Clock::duration(kFirstRequest) : kHeadTime);
  return since_ + seconds(context_->config.keep_alive_timeout_s);
}

uint32_t Connection::WantedEvents() const {
  const uint32_t events = unsent() > 0 ? uint32_t{EPOLLOUT} : 0u;
  if (peer_ended_) return events;
  const bool reads = lingers_ || !exchange_ || TakesBody() || in_.size() < kMaxAhead;
  return events | EPOLLRDHUP | (reads ? uint32_t{EPOLLIN} : 0u);
}

void Connection::Update() {
  if (closed()) return;
  const uint32_t wanted = WantedEvents();
  if (wanted != watched_) context_->loop.Change(socket_, watched_ = wanted, *this);
  std::optional<Clock::time_point> next = Deadline();
  for (const auto& other : {again_, probe_at_}) {
    if (other && (!next || *other < *next)) next = other;
  }
  if (next)
    context_->loop.SetTimer(*next, *this);
  else
    context_->loop.ClearTimer(*this);
}

}  // namespace puna::server
