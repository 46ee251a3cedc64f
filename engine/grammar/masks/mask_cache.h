// Which tokens may come in a state of a grammar: computed once for each kind of state, then kept.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/mutex.h"
#include "engine/grammar/automata/stack_set.h"
#include "engine/grammar/masks/token_trie.h"

namespace puna::engine {

// Two states that no token of the vocabulary can tell apart have the same mask: counts that are
// further from their bounds than the longest token, and what lies deeper on a stack than it reaches,
// do not matter. Thread-safe.
class MaskCache {
 public:
  using Mask = std::shared_ptr<const std::vector<uint64_t>>;

  // At most `capacity` masks are kept (16 KiB each for 128256 tokens), those used last.
  explicit MaskCache(const TokenVocabulary& vocabulary, size_t capacity = 4096)
      : vocabulary_(vocabulary), capacity_(capacity) {}

  // The text tokens that may follow `state`, which is one of `arena`'s.
  Mask Find(StackArena& arena, const StackSet& state);
  const TokenVocabulary& vocabulary() const { return vocabulary_; }

  size_t bytes() const { return bytes_; }  // of what is kept
  // Forgets so many bytes of masks, those first that were not used for longest.
  void GiveBack(size_t bytes);

 private:
  struct Entry {
    Mask mask;
    std::list<std::string>::iterator used;
  };
  size_t BytesOf(const std::string& key) const;
  void ForgetLast() PUNA_REQUIRES(mutex_);

  const TokenVocabulary& vocabulary_;
  size_t capacity_;
  std::atomic<size_t> bytes_{0};
  Mutex mutex_;
  std::unordered_map<std::string, Entry> masks_ PUNA_GUARDED_BY(mutex_);
  std::list<std::string> order_ PUNA_GUARDED_BY(mutex_);  // the last used first
};

}  // namespace puna::engine
