// AlignedBuffer<T>: owner of zeroed memory aligned to 64 bytes (2 MiB and advised as huge pages when large), so that
// streaming reads need few TLB entries. Throws std::bad_alloc.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace puna::engine {

// Zeroed pages straight from the kernel; untouched parts cost no resident memory.
void* AllocateAligned(size_t bytes);
void FreeAligned(void* p, size_t bytes);

template <typename T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t count)
      : data_(count ? static_cast<T*>(AllocateAligned(count * sizeof(T))) : nullptr), size_(count) {}
  AlignedBuffer(AlignedBuffer&& o) noexcept
      : data_(std::exchange(o.data_, nullptr)), size_(std::exchange(o.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& o) noexcept {
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    return *this;
  }
  ~AlignedBuffer() {
    if (data_ != nullptr) FreeAligned(data_, size_ * sizeof(T));
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return size_; }
  size_t bytes() const { return size_ * sizeof(T); }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  std::span<T> span() { return {data_, size_}; }
  std::span<const T> span() const { return {data_, size_}; }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace puna::engine
