// The one thing an HTTP thread and the engine thread share for a request: events out, a cancel flag back.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/mutex.h"
#include "engine/request/token_event.h"

namespace puna::engine {

// The engine's end. Push never blocks: a stream holds at most as many events as the request may have tokens.
class TokenStream {
 public:
  // `total` has the bytes of what waits in all streams that share it; null: nobody asks.
  explicit TokenStream(std::shared_ptr<std::atomic<size_t>> total = nullptr) : total_(std::move(total)) {}
  ~TokenStream();
  TokenStream(const TokenStream&) = delete;

  void Push(TokenEvent event);
  // The last event. It takes no memory, so that whatever fails can be told.
  void End(Finish finish);
  bool cancelled() const { return cancel_.load(std::memory_order_relaxed) != kNot; }
  // Cancelled by a reader that has what it wanted, not by one that went away.
  bool had_enough() const { return cancel_.load(std::memory_order_relaxed) == kEnough; }

 private:
  friend class TokenReader;
  mutable Mutex mutex_;
  Condition arrived_;
  std::vector<TokenEvent> events_ PUNA_GUARDED_BY(mutex_);
  const std::shared_ptr<std::atomic<size_t>> total_;
  size_t bytes_ PUNA_GUARDED_BY(mutex_) = 0;  // of the events
  void Forget() PUNA_REQUIRES(mutex_);
  std::optional<Finish> end_ PUNA_GUARDED_BY(mutex_);  // behind the events, until it is taken
  std::shared_ptr<const std::function<void()>> on_arrival_ PUNA_GUARDED_BY(mutex_);
  enum Cancel { kNot, kEnough, kAbandoned };
  void Set(Cancel cancel);
  std::atomic<Cancel> cancel_{kNot};  // once set, it stays
};

// The client's end. Its destructor cancels: a request nobody reads any more ends within a step.
class TokenReader {
 public:
  explicit TokenReader(std::shared_ptr<TokenStream> stream) : stream_(std::move(stream)) {}
  TokenReader(TokenReader&&) noexcept = default;
  TokenReader& operator=(TokenReader&& other) noexcept;
  TokenReader(const TokenReader&) = delete;
  ~TokenReader() { Abandon(); }

  // All events that have arrived, in order; waits for the first until `timeout` has passed, then returns none.
  std::vector<TokenEvent> Wait(std::chrono::milliseconds timeout);
  // From now on `call` is called, on the engine's thread, when events come and none were waiting; it returns at once. For
  // readers that no thread waits in. It throws nothing. It may still be called once after the reader has gone.
  void OnArrival(std::function<void()> call);
  void Cancel();  // the rest is not wanted

 private:
  void Abandon();

  std::shared_ptr<TokenStream> stream_;
};

}  // namespace puna::engine
