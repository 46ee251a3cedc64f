// Published: the latest value of one writer, read by any thread. Nobody takes a lock, and the writer never waits:
// readers try again when the value changed under their eyes (a sequence lock; H.-J. Boehm, "Can seqlocks get along with
// programming language memory models?", MSPC 2012).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace puna::engine {

template <typename T>
class Published {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit Published(const T& value) { Set(value); }

  // One thread.
  void Set(const T& value) {
    Words words{};
    std::memcpy(words.data(), &value, sizeof value);
    const uint64_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);  // odd: being written
    // Whoever sees one of these words also sees the odd version.
    for (size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_release);
    version_.store(version + 2, std::memory_order_release);
  }

  T Get() const {
    Words words{};
    while (true) {
      const uint64_t before = version_.load(std::memory_order_acquire);
      for (size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_acquire);
      if (before % 2 == 0 && version_.load(std::memory_order_relaxed) == before) break;
    }
    T value;
    std::memcpy(static_cast<void*>(&value), words.data(), sizeof value);
    return value;
  }

 private:
  static constexpr size_t kWords = (sizeof(T) + sizeof(uint64_t) - 1) / sizeof(uint64_t);
  using Words = std::array<uint64_t, kWords>;

  std::atomic<uint64_t> version_{0};
  std::array<std::atomic<uint64_t>, kWords> words_{};
};

}  // namespace puna::engine
