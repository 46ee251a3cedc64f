// SharedArray<T>: read-only memory that lives as long as anybody uses it: a buffer of its own, or
// part of a mapped file.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "engine/base/aligned_buffer.h"

namespace puna::engine {

template <typename T>
class SharedArray {
 public:
  SharedArray() = default;
  explicit SharedArray(AlignedBuffer<T> buffer) : size_(buffer.size()) {
    auto owner = std::make_shared<AlignedBuffer<T>>(std::move(buffer));
    data_ = owner->data();
    owner_ = std::move(owner);
  }
  // `data` lies in what `owner` keeps alive.
  SharedArray(std::shared_ptr<const void> owner, const T* data, size_t size)
      : owner_(std::move(owner)), data_(data), size_(size) {}

  const T* data() const { return data_; }
  size_t size() const { return size_; }
  size_t bytes() const { return size_ * sizeof(T); }
  const T& operator[](size_t i) const { return data_[i]; }

 private:
  std::shared_ptr<const void> owner_;
  const T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace puna::engine
