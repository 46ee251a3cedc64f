// Vocabulary: token id <-> bytes. Filled once by a loader, const and thread-safe afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/token_id.h"

namespace puna::engine {

class Vocabulary {
 public:
  static constexpr TokenId kMaxTokens = 1 << 20;  // ids are below this; merges pack them into 20 bits
  static constexpr size_t kMaxTokenBytes = 1024;

  Vocabulary();

  // A base token, found by its bytes. `id` in [0, kMaxTokens) and not taken, `bytes` not empty and
  // not known.
  void AddBase(TokenId id, std::string_view bytes);
  // An added token: it has a text, but Find does not see it.
  void AddText(TokenId id, std::string_view text);

  // The base token that is exactly `bytes`, or kNoToken.
  TokenId Find(std::string_view bytes) const;
  TokenId Find(std::string_view bytes, uint32_t hash) const;  // `hash`: HashWord(bytes)
  // The bytes of any token; empty where the id is outside the vocabulary or in a hole of it.
  std::string_view Bytes(TokenId id) const {
    if (id < 0 || id >= size()) return {};
    return {arena_.data() + spans_[id].begin, spans_[id].length};
  }
  bool Has(TokenId id) const { return !Bytes(id).empty(); }
  // Largest id + 1.
  TokenId size() const { return static_cast<TokenId>(spans_.size()); }
  size_t max_base_bytes() const { return max_base_bytes_; }

 private:
  struct Span {
    uint32_t begin = 0;
    uint32_t length = 0;
  };
  struct Slot {
    uint32_t tag = 0;  // of the hash; a filter before the bytes are compared
    TokenId id = kNoToken;
  };

  void Store(TokenId id, std::string_view bytes);
  void Insert(Slot slot);
  void Grow();

  std::string arena_;
  std::vector<Span> spans_;  // by id
  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  size_t base_tokens_ = 0;
  size_t max_base_bytes_ = 0;
};

}  // namespace puna::engine
