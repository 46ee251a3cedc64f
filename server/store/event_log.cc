#include "server/store/event_log.h"

namespace puna::server {

void EventLog::Append(std::string_view framed) {
  {
    const engine::MutexLock lock(mutex_);
    text_ += framed;
    *total_ += framed.size();
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

size_t PlaceOfEvent(std::string_view events, size_t number) {
  size_t at = 0;
  for (; number > 0 && at < events.size(); --number) {
    const size_t end = events.find("\n\n", at);
    at = end == events.npos ? events.size() : end + 2;
  }
  return at;
}

size_t EventLog::PlaceOf(size_t number) const {
  const engine::MutexLock lock(mutex_);
  return PlaceOfEvent(text_, number);
}

std::string EventLog::Text() const {
  const engine::MutexLock lock(mutex_);
  return text_;
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

}  // namespace puna::server
