#include "engine/request/token_stream.h"

#include <utility>

namespace puna::engine {

void TokenStream::Push(TokenEvent event) {
  std::shared_ptr<const std::function<void()>> call;
  {
    const MutexLock lock(mutex_);
    if (events_.empty()) call = on_arrival_;
    events_.push_back(std::move(event));
  }
  arrived_.NotifyOne();
  if (call) (*call)();  // not under the lock: whoever is called may let go of the reader
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
  while (stream.events_.empty() && stream.arrived_.WaitUntil(lock, deadline)) {
  }
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
