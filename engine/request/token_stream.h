// The one thing an HTTP thread and the engine thread share for a request: events out, a cancel flag back.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/request/token_event.h"

namespace puna::engine {

// The engine's end. Push never blocks: a stream holds at most as many events as the request may have tokens.
class TokenStream {
 public:
  void Push(TokenEvent event);
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  friend class TokenReader;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<TokenEvent> events_;
  std::atomic<bool> cancelled_{false};
};

// The client's end. Its destructor cancels: a request nobody reads any more ends within a step.
class TokenReader {
 public:
  explicit TokenReader(std::shared_ptr<TokenStream> stream) : stream_(std::move(stream)) {}
  TokenReader(TokenReader&&) noexcept = default;
  TokenReader& operator=(TokenReader&& other) noexcept;
  TokenReader(const TokenReader&) = delete;
  ~TokenReader() { Cancel(); }

  // All events that have arrived, in order; waits for the first until `timeout` has passed, then returns none.
  std::vector<TokenEvent> Wait(std::chrono::milliseconds timeout);
  void Cancel();

 private:
  std::shared_ptr<TokenStream> stream_;
};

}  // namespace puna::engine
