#include "server/http/exchange.h"

#include <httplib.h>

#include <new>
#include <utility>

#include "api/json/error.h"
#include "server/host/log.h"
#include "server/http/head_reader.h"

namespace puna::server {
namespace {

// Bytes that may wait for a client before its answer goes on; what the engine computes meanwhile waits as tokens.
constexpr size_t kMaxUnsent = 256 << 10;
constexpr int kClientClosedRequest = 499;  // nginx's number; nobody reads it but the log

api::ApiError ToError(const FramingFault& fault) {
  return {fault.status, "invalid_request_error", fault.code, fault.message};
}

// The path without its query, for the log of what no library has read.
std::string RawPath(const RequestHead& head) { return head.target.substr(0, head.target.find('?')); }

}  // namespace

class Exchange::Sink : public ByteSink {
 public:
  Sink(Exchange& exchange, bool left) : exchange_(exchange), left_(left) {}
  bool Write(std::string_view bytes) override {
    std::string framed;
    AppendPiece(bytes, exchange_.frame_, framed);
    if (!left_) exchange_.Emit(framed);
    return !left_;
  }
  bool client_gone() override { return left_; }

 private:
  Exchange& exchange_;
  const bool left_;
};

Exchange::Exchange(std::shared_ptr<HttpContext> context, Origin origin, std::function<void()> notify)
    : context_(std::move(context)),
      notify_(std::move(notify)),
      origin_(std::move(origin)),
      quick_(IsProbe(RawPath(origin_.head))) {
  frame_.head_only = origin_.head.method == "HEAD";
  frame_.minor = origin_.head.minor;
  frame_.keep_alive_seconds = context_->config.keep_alive_timeout_s;
}

Exchange::~Exchange() = default;

void Exchange::GiveBody(std::string body) {
  {
    const engine::MutexLock lock(mutex_);
    input_.body = std::move(body);
  }
  Wake();
}

void Exchange::Fail(FramingFault fault) {
  {
    const engine::MutexLock lock(mutex_);
    input_.fault = std::move(fault);
  }
  Wake();
}

void Exchange::ClientLeft() {
  {
    const engine::MutexLock lock(mutex_);
    input_.left = true;
  }
  Wake();
}

void Exchange::TellUnsent(size_t bytes) {
  bool goes_on;
  {
    const engine::MutexLock lock(mutex_);
    goes_on = input_.unsent > kMaxUnsent && bytes <= kMaxUnsent;
    input_.unsent = bytes;
  }
  if (goes_on) Wake();
}

void Exchange::Wake() {
  const engine::MutexLock lock(mutex_);
  woken_ = true;
  if (std::exchange(scheduled_, true)) return;
  context_->pool.Post(quick_ ? WorkerPool::Lane::kQuick : WorkerPool::Lane::kLong,
                      [self = shared_from_this()] { self->Work(); });
}

void Exchange::Work() {
  {
    const engine::MutexLock lock(mutex_);
    woken_ = false;
  }
  try {
    Step();
  } catch (const std::exception& error) {  // no memory: whatever was to be said cannot be
    LogError("request " + reply_.access->id + " was given up: " + error.what());
    End(/*keep_alive=*/false, /*broken=*/true);
  }
  bool notify, again;
  {
    const engine::MutexLock lock(mutex_);
    notify = std::exchange(changed_, false) && !std::exchange(notified_, true);
    scheduled_ = false;
    again = woken_;
  }
  if (notify) notify_();
  if (again) Wake();
}

Exchange::Input Exchange::TakeInput() {
  const engine::MutexLock lock(mutex_);
  return {std::exchange(input_.body, std::nullopt), std::exchange(input_.fault, std::nullopt), input_.left,
          input_.unsent};
}

Exchange::Output Exchange::Take() {
  const engine::MutexLock lock(mutex_);
  notified_ = false;
  std::string bytes = std::exchange(output_.bytes, {});
  Output output = output_;
  output.bytes = std::move(bytes);
  output_.wants_body = false;
  return output;
}

void Exchange::Step() {
  Input input = TakeInput();
  if (phase_ == Phase::kHead) ReadHead(input);
  if (phase_ == Phase::kBody && input.fault) return Refuse(*input.fault);
  if (phase_ == Phase::kBody && input.left) return EndForNobody();
  if (phase_ == Phase::kBody && input.body) return Answer(*std::move(input.body));
  if (phase_ == Phase::kTask) Advance(input);
}

void Exchange::ReadRequest(const httplib::Request& parsed) {
  request_.id = RequestId(parsed.get_header_value("X-Request-Id"));
  request_.method = parsed.method;
  request_.path = parsed.path;
  request_.peer = origin_.peer;
  request_.host = origin_.head.authority.empty() ? parsed.get_header_value("Host") : origin_.head.authority;
  request_.has_body = origin_.head.has_body();
  reply_.access->id = request_.id;
  reply_.access->method = request_.method;
  reply_.access->path = request_.path;
}

void Exchange::ReadHead(Input& input) {
  phase_ = Phase::kBody;
  if (origin_.fault) return Refuse(*origin_.fault);
  const std::shared_ptr<const httplib::Request> parsed = server::ReadHead(origin_.head);
  if (!parsed)
    return Refuse({501, "not_implemented", "This server does not know the method " + origin_.head.method + "."});
  ReadRequest(*parsed);
  request_.query = [parsed](const std::string& name) { return parsed->get_param_value(name); };
  request_.header = [parsed](const std::string& name) { return parsed->get_header_value(name); };
  dispatcher_ = context_->Current();
  if (origin_.in_reserve && !IsProbe(request_.path)) {
    Fill([&] { throw NoConnectionLeft(context_->config.max_connections); });
    return SendWhole();
  }
  handler_ = dispatcher_->Admit(request_, reply_);
  if (handler_ == nullptr) return SendWhole();
  if (!origin_.head.has_body()) input.body.emplace();
  if (input.body || input.fault || input.left) return;
  const engine::MutexLock lock(mutex_);
  output_.wants_body = changed_ = true;
}

// Runs `fill`; what it throws becomes the reply.
void Exchange::Fill(const std::function<void()>& fill) {
  try {
    fill();
  } catch (...) {
    reply_.headers["X-Request-Id"] = reply_.access->id;
    ReplyWithCurrentException(reply_);
  }
}

void Exchange::Answer(std::string body) {
  request_.body = std::move(body);
  Fill([&] { (*handler_)(request_, reply_); });
  request_.body = {};
  if (!reply_.stream && !reply_.later) return SendWhole();
  StartTask();
}

void Exchange::StartTask() {
  streams_ = reply_.stream != nullptr;
  task_ = std::move(streams_ ? reply_.stream : reply_.later);
  phase_ = Phase::kTask;
  if (streams_) {
    frame_.keep_alive = KeepsAlive() && frame_.minor >= 1;
    Emit(StreamHead(reply_, frame_));
  }
  {
    const engine::MutexLock lock(mutex_);
    quick_ = true;
    output_.in_stream = streams_;
    output_.is_sse = reply_.content_type.rfind("text/event-stream", 0) == 0;
  }
  if (frame_.head_only && streams_) return EndStream(/*whole=*/true);
  task_->Start([weak = weak_from_this()] {
    if (const std::shared_ptr<Exchange> self = weak.lock()) self->Wake();
  });
  Advance(TakeInput());
}

void Exchange::Advance(const Input& input) {
  if (input.unsent > kMaxUnsent && !input.left) return;
  Sink sink(*this, input.left);
  std::optional<Clock::time_point> next;
  bool failed = false;
  try {
    next = task_->Advance(reply_, sink);
  } catch (const std::exception& error) {
    failed = true;
    if (streams_) {
      LogError("request " + reply_.access->id + " failed in its stream: " + error.what());
      reply_.access->error = "internal_error";
    } else {
      ReplyWithCurrentException(reply_);
    }
  }
  if (input.left) return EndForNobody();
  if (next) {
    const engine::MutexLock lock(mutex_);
    changed_ = changed_ || output_.again != next;
    output_.again = next;
    return;
  }
  streams_ ? EndStream(!failed) : SendWhole();
}

void Exchange::Refuse(const FramingFault& fault) {
  if (request_.id.empty()) {
    const std::string* id = origin_.head.Find("X-Request-Id");
    reply_.access->id = RequestId(id != nullptr ? *id : "");
    reply_.access->method = origin_.head.method;
    reply_.access->path = RawPath(origin_.head);
    request_.header = [this](const std::string& name) {
      const std::string* value = origin_.head.Find(name);
      return value != nullptr ? *value : "";
    };
    context_->Current()->AllowOrigin(request_, reply_);
  }
  Fill([&] { throw ToError(fault); });
  origin_.head.keep_alive = false;
  SendWhole();
}

bool Exchange::KeepsAlive() const {
  // A client that waits for "100 Continue" may send its body behind a refusal or not: nobody can tell.
  const bool body_unclear = origin_.head.expects_continue && handler_ == nullptr;
  return origin_.head.keep_alive && !origin_.in_reserve && !body_unclear && !context_->stopping;
}

void Exchange::SendWhole() {
  frame_.keep_alive = KeepsAlive();
  Emit(WholeReply(reply_, frame_));
  reply_.body = {};
  End(frame_.keep_alive, /*broken=*/false);
}

void Exchange::EndStream(bool whole) {
  std::string end;
  if (whole && !frame_.head_only) AppendStreamEnd(frame_, end);
  Emit(end);
  End(frame_.keep_alive, /*broken=*/!whole);
}

void Exchange::EndForNobody() {
  if (!streams_) reply_.status = kClientClosedRequest;
  if (reply_.access->finish.empty()) reply_.access->finish = "client left";
  End(/*keep_alive=*/false, /*broken=*/true);
}

void Exchange::End(bool keep_alive, bool broken) {
  if (std::exchange(phase_, Phase::kEnded) == Phase::kEnded) return;
  task_.reset();
  AccessLine& line = *reply_.access;
  line.status = reply_.status;
  line.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  LogRequest(line);
  if (context_->observer) context_->observer(line);
  const engine::MutexLock lock(mutex_);
  output_.ended = changed_ = true;
  output_.keep_alive = keep_alive;
  output_.broken = broken;
}

void Exchange::Emit(std::string_view bytes) {
  const engine::MutexLock lock(mutex_);
  output_.bytes += bytes;
  changed_ = true;
}

}  // namespace puna::server
