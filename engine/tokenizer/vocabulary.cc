#include "engine/tokenizer/vocabulary.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/tokenizer/word_hash.h"

namespace puna::engine {

Vocabulary::Vocabulary() : slots_(512) {}

void Vocabulary::AddBase(TokenId id, std::string_view bytes) {
  Store(id, bytes);
  max_base_bytes_ = std::max(max_base_bytes_, bytes.size());
  if (2 * ++base_tokens_ > slots_.size()) Grow();
  Insert({HashWord(bytes), id});
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
  return bytes.size() > max_base_bytes_ ? kNoToken : Find(bytes, HashWord(bytes));
}

TokenId Vocabulary::Find(std::string_view bytes, uint32_t tag) const {
  const size_t mask = slots_.size() - 1;
  for (size_t i = tag & mask; slots_[i].id != kNoToken; i = (i + 1) & mask) {
    if (slots_[i].tag == tag && Bytes(slots_[i].id) == bytes) return slots_[i].id;
  }
  return kNoToken;
}

}  // namespace puna::engine
