// Knows the streams that are promised and not yet begun. The library calls no stream's writer once
// the server is stopping: whoever had been told 200 by then would see an empty answer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace puna::server {

class StreamStarts {
 public:
  using Promise = std::shared_ptr<void>;  // let go of when the stream has begun, or will not

  // Null after Close: then the stream must be written some other way. The promise does not outlive
  // this object.
  Promise Make() {
    const std::lock_guard lock(mutex_);
    if (closed_) return nullptr;
    ++promised_;
    return Promise(this, [](StreamStarts* self) { self->Keep(); });
  }

  // Makes no more promises, and waits for those that were made, at most so long.
  void Close(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    closed_ = true;
    kept_.wait_for(lock, patience, [this] { return promised_ == 0; });
  }

 private:
  void Keep() {
    const std::lock_guard lock(mutex_);
    --promised_;
    kept_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable kept_;
  int promised_ = 0;
  bool closed_ = false;
};

}  // namespace puna::server
