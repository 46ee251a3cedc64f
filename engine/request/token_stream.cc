#include "engine/request/token_stream.h"

#include <utility>

namespace puna::engine {

void TokenStream::Push(TokenEvent event) {
  {
    const MutexLock lock(mutex_);
    events_.push_back(std::move(event));
  }
  arrived_.NotifyOne();
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

void TokenStream::Set(Cancel cancel) {
  Cancel expected = kNot;
  cancel_.compare_exchange_strong(expected, cancel, std::memory_order_relaxed);
}

void TokenReader::Cancel() {
  if (stream_) stream_->Set(TokenStream::kEnough);
}

void TokenReader::Abandon() {
  if (stream_) stream_->Set(TokenStream::kAbandoned);
}

}  // namespace puna::engine
