#include "engine/request/token_stream.h"

#include <utility>

namespace puna::engine {

void TokenStream::Push(TokenEvent event) {
  {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
  }
  arrived_.notify_one();
}

TokenReader& TokenReader::operator=(TokenReader&& other) noexcept {
  if (this != &other) {
    Abandon();
    stream_ = std::move(other.stream_);
  }
  return *this;
}

std::vector<TokenEvent> TokenReader::Wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(stream_->mutex_);
  stream_->arrived_.wait_for(lock, timeout, [this] { return !stream_->events_.empty(); });
  return std::exchange(stream_->events_, {});
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
