// The events of responses as they were streamed, or would have been: for clients that come back with
// GET /v1/responses/{id}?stream=true.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/mutex.h"

namespace puna::server {

// One response's. Written by one thread, read by any.
class EventLog {
 public:
  // Whole events, numbered one after the other from 0.
  void Append(std::string_view framed);
  void End();  // nothing more will come

  // Where the event of this number begins, or the end of what there is.
  size_t PlaceOf(size_t number) const;
  // What stands behind the first `from` bytes; does not wait.
  std::string Read(size_t from, bool& ended) const;
  // `call` is called with each thing that comes, from the thread that writes, for as long as the result is held.
  std::shared_ptr<const void> Follow(std::function<void()> call);
  size_t size() const;
  bool ended() const;

 private:
  void Tell() const;

  mutable engine::Mutex mutex_;
  std::string text_ PUNA_GUARDED_BY(mutex_);
  bool ended_ PUNA_GUARDED_BY(mutex_) = false;
  std::vector<std::weak_ptr<const std::function<void()>>> followers_ PUNA_GUARDED_BY(mutex_);
};

// Of all responses. Thread-safe.
class EventLogs {
 public:
  explicit EventLogs(size_t max_bytes = size_t{16} << 20) : max_bytes_(max_bytes) {}

  // Forgets logs that have ended, the oldest first, while there are more than max_bytes.
  std::shared_ptr<EventLog> Begin(const std::string& id);
  // Null: there is none, or none any more.
  std::shared_ptr<EventLog> Find(const std::string& id) const;
  void Erase(const std::string& id);

 private:
  struct Entry {
    std::string id;
    std::shared_ptr<EventLog> log;
  };
  const size_t max_bytes_;
  mutable engine::Mutex mutex_;
  std::list<Entry> entries_ PUNA_GUARDED_BY(mutex_);  // the oldest first
};

}  // namespace puna::server
