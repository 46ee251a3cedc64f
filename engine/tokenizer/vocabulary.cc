#include "engine/tokenizer/vocabulary.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/base/check.h"

namespace puna::engine {
namespace {

uint64_t Load(const char* p, size_t n) {
  uint64_t word = 0;
  std::memcpy(&word, p, n);
  return word;
}

// Multiply, then fold the high half of the product onto the low one.
inline uint64_t Mix(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// Words of eight bytes, the last two overlapping, so that nothing is read outside the text.
inline uint32_t Hash(std::string_view s) {
  constexpr uint64_t kA = 0x9e3779b97f4a7c15u;
  constexpr uint64_t kB = 0xd6e8feb86659fd93u;
  const char* p = s.data();
  size_t n = s.size();
  uint64_t state = kA ^ n;
  uint64_t low, high;
  if (n >= 8) {
    for (; n > 16; n -= 8, p += 8) state = Mix(state ^ Load(p, 8), kB);
    low = Load(p, 8);
    high = Load(p + n - 8, 8);
  } else if (n >= 4) {
    low = Load(p, 4);
    high = Load(p + n - 4, 4);
  } else {
    const auto byte = [p](size_t i) { return static_cast<uint64_t>(static_cast<unsigned char>(p[i])); };
    low = n == 0 ? 0 : byte(0) << 16 | byte(n / 2) << 8 | byte(n - 1);
    high = 0;
  }
  const uint64_t mixed = Mix(low ^ state, high ^ kB);
  return static_cast<uint32_t>(mixed ^ mixed >> 32);
}

}  // namespace

Vocabulary::Vocabulary() : slots_(512) {}

void Vocabulary::AddBase(TokenId id, std::string_view bytes) {
  Store(id, bytes);
  max_base_bytes_ = std::max(max_base_bytes_, bytes.size());
  if (2 * ++base_tokens_ > slots_.size()) Grow();
  Insert({Hash(bytes), id});
}

void Vocabulary::AddText(TokenId id, std::string_view text) { Store(id, text); }

void Vocabulary::Store(TokenId id, std::string_view bytes) {
  PUNA_CHECK(id >= 0 && id < kMaxTokens && !Has(id) && !bytes.empty()) << "token " << id;
  if (id >= size()) spans_.resize(id + 1);
  spans_[id] = {static_cast<uint32_t>(arena_.size()), static_cast<uint32_t>(bytes.size())};
  arena_ += bytes;
}

void Vocabulary::Insert(Slot slot) {
  const size_t mask = slots_.size() - 1;
  size_t i = slot.tag & mask;
  while (slots_[i].id != kNoToken) i = (i + 1) & mask;
  slots_[i] = slot;
}

void Vocabulary::Grow() {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 2));
  for (const Slot& slot : old) {
    if (slot.id != kNoToken) Insert(slot);
  }
}

TokenId Vocabulary::Find(std::string_view bytes) const {
  if (bytes.size() > max_base_bytes_) return kNoToken;
  const uint32_t tag = Hash(bytes);
  const size_t mask = slots_.size() - 1;
  for (size_t i = tag & mask; slots_[i].id != kNoToken; i = (i + 1) & mask) {
    if (slots_[i].tag == tag && Bytes(slots_[i].id) == bytes) return slots_[i].id;
  }
  return kNoToken;
}

}  // namespace puna::engine
