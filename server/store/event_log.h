// The events of a response that is being made, as they are streamed or would be: for clients that come back with
// GET /v1/responses/{id}?stream=true.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/mutex.h"

namespace puna::server {

// Where the event of this number begins in a text of events, or the end of it.
size_t PlaceOfEvent(std::string_view events, size_t number);

// Written by one thread, read by any.
class EventLog {
 public:
  // `total`: bytes of all logs of the same owner.
  explicit EventLog(std::shared_ptr<std::atomic<size_t>> total) : total_(std::move(total)) {}
  ~EventLog() { *total_ -= text_.size(); }
  EventLog(const EventLog&) = delete;

  // Whole events, numbered one after the other from 0.
  void Append(std::string_view framed);
  void End();  // nothing more will come

  // Where the event of this number begins, or the end of what there is.
  size_t PlaceOf(size_t number) const;
  std::string Text() const;
  // What stands behind the first `from` bytes; does not wait.
  std::string Read(size_t from, bool& ended) const;
  // `call` is called with each thing that comes, from the thread that writes, for as long as the result is held.
  std::shared_ptr<const void> Follow(std::function<void()> call);

 private:
  void Tell() const;

  const std::shared_ptr<std::atomic<size_t>> total_;
  mutable engine::Mutex mutex_;
  std::string text_ PUNA_GUARDED_BY(mutex_);
  bool ended_ PUNA_GUARDED_BY(mutex_) = false;
  std::vector<std::weak_ptr<const std::function<void()>>> followers_ PUNA_GUARDED_BY(mutex_);
};

}  // namespace puna::server
