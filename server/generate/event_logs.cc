#include "server/generate/event_logs.h"

#include <algorithm>

namespace puna::server {

void EventLog::Append(std::string_view framed) {
  {
    const engine::MutexLock lock(mutex_);
    text_ += framed;
  }
  Tell();
}

void EventLog::End() {
  {
    const engine::MutexLock lock(mutex_);
    ended_ = true;
  }
  Tell();
}

size_t EventLog::PlaceOf(size_t number) const {
  const engine::MutexLock lock(mutex_);
  size_t at = 0;
  for (; number > 0 && at < text_.size(); --number) at = text_.find("\n\n", at) + 2;
  return at;
}

std::string EventLog::Read(size_t from, bool& ended) const {
  const engine::MutexLock lock(mutex_);
  ended = ended_;
  return text_.size() > from ? text_.substr(from) : std::string();
}

std::shared_ptr<const void> EventLog::Follow(std::function<void()> call) {
  auto follower = std::make_shared<const std::function<void()>>(std::move(call));
  const engine::MutexLock lock(mutex_);
  std::erase_if(followers_, [](const auto& other) { return other.expired(); });
  followers_.push_back(follower);
  return follower;
}

void EventLog::Tell() const {
  std::vector<std::weak_ptr<const std::function<void()>>> followers;
  {
    const engine::MutexLock lock(mutex_);
    followers = followers_;
  }
  for (const auto& weak : followers) {
    if (const auto call = weak.lock()) (*call)();
  }
}

size_t EventLog::size() const {
  const engine::MutexLock lock(mutex_);
  return text_.size();
}

bool EventLog::ended() const {
  const engine::MutexLock lock(mutex_);
  return ended_;
}

std::shared_ptr<EventLog> EventLogs::Begin(const std::string& id) {
  const engine::MutexLock lock(mutex_);
  size_t bytes = 0;
  for (const Entry& entry : entries_) bytes += entry.log->size();
  for (auto entry = entries_.begin(); entry != entries_.end() && bytes > max_bytes_;) {
    const bool ended = entry->log->ended();
    if (ended) bytes -= entry->log->size();
    entry = ended ? entries_.erase(entry) : std::next(entry);
  }
  return entries_.push_back({id, std::make_shared<EventLog>()}), entries_.back().log;
}

std::shared_ptr<EventLog> EventLogs::Find(const std::string& id) const {
  const engine::MutexLock lock(mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.id == id; });
  return found == entries_.end() ? nullptr : found->log;
}

void EventLogs::Erase(const std::string& id) {
  const engine::MutexLock lock(mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return entry.id == id; });
}

}  // namespace puna::server
