// A queue of shared objects, linked through a member of theirs (`std::shared_ptr<T> next`), so that entering it takes no memory:
// what must be told can be told whatever else fails. An object is in one queue at most, and once.
#pragma once

#include <memory>
#include <utility>

namespace puna::server {

template <typename T>
class LinkedQueue {
 public:
  LinkedQueue() = default;
  LinkedQueue(LinkedQueue&& other) noexcept
      : first_(std::move(other.first_)), last_(std::exchange(other.last_, nullptr)) {}
  LinkedQueue(const LinkedQueue&) = delete;
  ~LinkedQueue() {
    while (!empty()) Pop();  // one by one: a long chain would destroy itself link within link
  }

  bool empty() const { return first_ == nullptr; }

  void Push(std::shared_ptr<T> object) {
    T* last = object.get();
    (last_ == nullptr ? first_ : last_->next) = std::move(object);
    last_ = last;
  }

  std::shared_ptr<T> Pop() {
    std::shared_ptr<T> object = std::move(first_);
    first_ = std::move(object->next);
    if (first_ == nullptr) last_ = nullptr;
    return object;
  }

 private:
  std::shared_ptr<T> first_;
  T* last_ = nullptr;
};

}  // namespace puna::server
