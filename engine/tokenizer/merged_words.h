// What the words of one text were merged into. Most words come again: their ids are then copied from where they stand in the
// text's ids, and no word that is remembered is merged twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace puna::engine {

class MergedWords {
 public:
  // Where the ids of a word stand among the text's.
  struct Ids {
    uint32_t first = 0;
    uint32_t count = 0;  // 0: the word is not remembered
  };

  Ids Find(std::string_view word, uint32_t hash) const {
    const Entry& entry = entries_[hash % kEntries];
    return entry.word == word ? entry.ids : Ids();
  }
  // Takes the place of another word, if need be. `word` must stay where it is.
  void Add(std::string_view word, uint32_t hash, Ids ids) { entries_[hash % kEntries] = {word, ids}; }
  void Clear() { entries_.assign(kEntries, {}); }

 private:
  static constexpr size_t kEntries = 2048;  // 48 KiB: beside the merges in the second-level cache

  struct Entry {
    std::string_view word;
    Ids ids;
  };
  std::vector<Entry> entries_ = std::vector<Entry>(kEntries);
};

}  // namespace puna::engine
