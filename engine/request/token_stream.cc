#include "engine/request/token_stream.h"

#include <utility>

namespace puna::engine {
namespace {

size_t BytesOf(const TokenEvent& event) {
  const size_t top = event.logprobs ? event.logprobs->top.capacity() * sizeof(TokenLogprob) : 0;
  return sizeof event + top + event.embedding.capacity() * sizeof(float);
}

}  // namespace

TokenStream::~TokenStream() {
  const MutexLock lock(mutex_);
  Forget();
}

// What waited is no longer this stream's.
void TokenStream::Forget() {
  if (total_) *total_ -= bytes_;
  bytes_ = 0;
}

void TokenStream::Push(TokenEvent event) {
  std::shared_ptr<const std::function<void()>> call;
  {
    const MutexLock lock(mutex_);
    const bool first = events_.empty() && !end_;
    const size_t bytes = BytesOf(event);
    events_.push_back(std::move(event));
    bytes_ += bytes;
    if (total_) *total_ += bytes;
    if (first) call = on_arrival_;
  }
  arrived_.NotifyOne();
  if (call) (*call)();  // not under the lock: whoever is called may let go of the reader
}

void TokenStream::End(Finish finish) {
  std::shared_ptr<const std::function<void()>> call;
  {
    const MutexLock lock(mutex_);
    if (events_.empty() && !end_) call = on_arrival_;
    end_ = std::move(finish);
  }
  arrived_.NotifyOne();
  if (call) (*call)();
}

TokenReader& TokenReader::operator=(TokenReader&& other) noexcept {
  if (this != &other) {
    Abandon();
    stream_ = std::move(other.stream_);
  }
  return *this;
}

std::vector<TokenEvent> TokenReader::Wait(std::chrono::milliseconds timeout) {
  TokenStream& stream = *stream_;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  MutexLock lock(stream.mutex_);
  while (stream.events_.empty() && !stream.end_ && stream.arrived_.WaitUntil(lock, deadline)) {
  }
  if (stream.end_) {
    stream.events_.reserve(stream.events_.size() + 1);  // if this fails, all is there the next time
    TokenEvent& end = stream.events_.emplace_back();
    end.kind = TokenEvent::Kind::kEnd;
    end.finish = std::move(stream.end_);
    stream.end_.reset();
  }
  stream.Forget();
  return std::exchange(stream.events_, {});
}

void TokenReader::OnArrival(std::function<void()> call) {
  auto shared = std::make_shared<const std::function<void()>>(std::move(call));
  const MutexLock lock(stream_->mutex_);
  stream_->on_arrival_ = std::move(shared);
}

void TokenStream::Set(Cancel cancel) {
  Cancel expected = kNot;
  cancel_.compare_exchange_strong(expected, cancel, std::memory_order_relaxed);
}

void TokenReader::Cancel() {
  if (stream_) stream_->Set(TokenStream::kEnough);
}

void TokenReader::Abandon() {
  if (!stream_) return;
  stream_->Set(TokenStream::kAbandoned);
  const MutexLock lock(stream_->mutex_);
  stream_->on_arrival_.reset();
}

}  // namespace puna::engine
