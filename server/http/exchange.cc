#include "server/http/exchange.h"

#include <httplib.h>

#include <utility>

#include "api/json/error.h"
#include "server/host/log.h"
#include "server/http/content_coding.h"
#include "server/http/head_reader.h"

namespace puna::server {
namespace {

// Bytes that may wait for a client before its answer goes on; what the engine computes meanwhile waits as tokens.
constexpr size_t kMaxUnsent = 256 << 10;

// What a request takes beside its body, and how often its body is there while it is being answered: as it came, unpacked, as
// values, and as prompt. Behind that, when the handler is done, prompt and answer are left.
constexpr size_t kBytesOfRequest = 16 << 10;
constexpr size_t kCopies = 4, kCopiesLater = 2;

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

Exchange::Exchange(std::shared_ptr<HttpContext> context, Origin origin, std::shared_ptr<EventLoop::Notice> bell)
    : context_(std::move(context)),
      bell_(std::move(bell)),
      origin_(std::move(origin)),
      quick_(IsProbe(PathOf(origin_.head, context_->config.path_prefix))) {
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
  context_->pool.Post(quick_ ? WorkerPool::Lane::kQuick : WorkerPool::Lane::kLong, shared_from_this());
}

void Exchange::Run() {
  {
    const engine::MutexLock lock(mutex_);
    woken_ = false;
  }
  try {
    Step();
  } catch (const std::exception& error) {  // no memory: whatever was to be said cannot be
    GiveUp(error.what());
  }
  bool notify, again;
  {
    const engine::MutexLock lock(mutex_);
    notify = std::exchange(changed_, false) && !std::exchange(notified_, true);
    scheduled_ = false;
    again = woken_;
  }
  if (notify) context_->loop.Post(bell_);
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

std::string Exchange::TakeSpare() {
  const engine::MutexLock lock(mutex_);
  return std::exchange(spare_, {});
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
  const std::optional<std::string> below = WithoutPrefix(parsed.path, context_->config.path_prefix);
  request_.path = below.value_or(parsed.path);
  request_.is_bare_prefix = below == "/" && parsed.path != "/" && !parsed.path.ends_with('/');
  request_.peer = context_->proxies.ClientOf(origin_.peer, origin_.head);
  request_.host = origin_.head.authority.empty() ? parsed.get_header_value("Host") : origin_.head.authority;
  request_.has_body = origin_.head.has_body();
  request_.wants_upgrade = origin_.head.Find("Upgrade") != nullptr;
  if (request_.has_body) request_.content_codings = origin_.head.Members("Content-Encoding");
  reply_.access->id = request_.id;
  reply_.access->method = request_.method;
  reply_.access->path = request_.path;
  reply_.access->client = request_.peer;
}

// Before the bytes are there, and what is made of them.
std::optional<FramingFault> Exchange::TakeMemory(size_t bytes, const char* of) {
  const size_t wanted = kBytesOfRequest + kCopies * bytes;
  if (memory_.TrySet(wanted)) return std::nullopt;
  const size_t limit = context_->memory.limit();
  const std::string option = " (--max-request-memory-mib)";
  if (wanted > limit) {
    return FramingFault{413, "request_too_large",
                        of + (" of " + std::to_string(bytes)) + " bytes takes up to " + std::to_string(wanted) +
                            " bytes of memory, and this server has " + std::to_string(limit) + " for requests" +
                            option + ". Send less at once."};
  }
  return FramingFault{503, "request_memory_full",
                      "The memory that this server has for requests is taken by others" + option +
                          ". Try again in a moment, or send less at once."};
}

// Called by the handler.
void Exchange::TakeMore(size_t bytes) {
  more_bytes_ += bytes;
  const auto fault = TakeMemory(body_bytes_ + more_bytes_, "A body and what it names,");
  if (fault) throw ToError(*fault);
}

bool Exchange::Grow(size_t body_bytes) {
  if (kBytesOfRequest + kCopies * body_bytes <= memory_.bytes()) return true;
  auto fault = TakeMemory(body_bytes + body_bytes / 4);
  if (fault) Fail(*std::move(fault));
  return !fault;
}

void Exchange::ReadHead(Input& input) {
  phase_ = Phase::kBody;
  if (origin_.fault) return Refuse(*origin_.fault);
  const std::shared_ptr<const httplib::Request> parsed = server::ReadHead(origin_.head);
  if (!parsed)
    return Refuse({501, "not_implemented", "This server does not know the method " + origin_.head.method + "."});
  ReadRequest(*parsed);
  dispatcher_ = context_->Current();
  request_.query = [parsed](const std::string& name) { return parsed->get_param_value(name); };
  request_.header = [parsed](const std::string& name) { return parsed->get_header_value(name); };
  SetErrorForm(request_, reply_);
  MakeSpare();
  if (!WithoutPrefix(parsed->path, context_->config.path_prefix)) {
    dispatcher_->AllowOrigin(request_, reply_);
    Fill([&] { ThrowOutsidePrefix(request_, context_->config.path_prefix); });
    return SendWhole();
  }
  if (origin_.in_reserve && !IsProbe(request_.path)) {
    Fill([&] { throw NoConnectionLeft(context_->config.max_connections); });
    return SendWhole();
  }
  handler_ = dispatcher_->Admit(request_, reply_);
  {
    const engine::MutexLock lock(mutex_);
    output_.account = request_.caller.account;
  }
  if (handler_ == nullptr) return SendWhole();
  if (!origin_.head.has_body()) {
    memory_.Set(kBytesOfRequest);  // also when there is none left: probes are always answered
  } else if (const auto fault = TakeMemory(origin_.head.chunked ? 0 : origin_.head.content_length)) {
    handler_ = nullptr;
    return Refuse(*fault);
  }
  if (!origin_.head.has_body()) input.body.emplace();
  if (input.body || input.fault || input.left) return;
  const engine::MutexLock lock(mutex_);
  output_.wants_body = changed_ = true;
}

void Exchange::MakeSpare() {
  HttpReply spare;
  spare.error_form = reply_.error_form;
  spare.headers = reply_.headers;
  dispatcher_->AllowOrigin(request_, spare);
  spare.headers["X-Request-Id"] = spare.access->id = request_.id;
  WriteNoMemory(spare);
  std::string bytes = WholeReply(spare, {.head_only = frame_.head_only, .minor = frame_.minor, .keep_alive = false});
  const engine::MutexLock lock(mutex_);
  spare_ = std::move(bytes);
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
  const auto take = [this](size_t bytes) {
    if (const auto fault = TakeMemory(bytes)) throw ToError(*fault);
  };
  Fill([&] {
    request_.body = DecodeContent(std::move(body), request_.content_codings, context_->limits.body, take);
    body_bytes_ = request_.body.size();
    take(body_bytes_);
    request_.take_memory = [this](size_t bytes) { TakeMore(bytes); };
    (*handler_)(request_, reply_);
  });
  request_.take_memory = nullptr;
  request_.body = {};
  base_bytes_ = kBytesOfRequest + kCopiesLater * (body_bytes_ + more_bytes_);
  memory_.Set(base_bytes_ + reply_.body.size());
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
  memory_.Set(base_bytes_ + input.unsent + task_->bytes());
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

}  // namespace puna::server
