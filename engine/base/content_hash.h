// ContentHash: 128 bits by which bytes are known again. Not for secrets: whoever can choose the bytes can make two that
// share it. XXH3 of Debian's libxxhash, at the speed of memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace puna::engine {

struct ContentHash {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const ContentHash&) const = default;
};

ContentHash HashContent(std::span<const uint8_t> bytes);

// The same of bytes that come in pieces.
class ContentHasher {
 public:
  ContentHasher();
  ~ContentHasher();
  void Add(std::span<const uint8_t> bytes);
  ContentHash Result() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace puna::engine
