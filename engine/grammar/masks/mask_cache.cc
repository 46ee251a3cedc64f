// The idea. A mask says for each of 100,000 tokens whether the text may go on with it. Trying them one by one costs
// milliseconds a step; two things make it microseconds.
//
// First, a walk over all tokens at once. The vocabulary is a trie by bytes, and the grammar's state behind a token
// depends on its bytes alone, so one walk in the trie's order steps the grammar once for each trie node; where it steps
// into nothing, the whole subtree is forbidden and left out. The states that the walk meets get numbers and a table of
// 256 next states each (a DFA built while it is needed), since the same few come again and again: inside a string,
// almost every byte leads back to the same state. Tokens of plain characters, most of the vocabulary, are not walked at
// all while a string is free: TokenVocabulary has them as ready masks by their number of characters.
//
// Second, states that no token can tell apart share a mask. A token has at most max_token_bytes bytes, so what lies so
// deep on a stack that more bytes than that must come before it, does not matter: the stack is cut there and ends in
// kFarStack, which goes on with nothing. A count that is further from its bounds than a token reaches is as good as any
// such count. What remains is the key. Without this, every character of a long string, or every nesting of a tree,
// would be a state of its own.
#include "engine/grammar/masks/mask_cache.h"

#include <algorithm>
#include <array>
#include <map>
#include <new>

namespace puna::engine {
namespace {

using Kind = GrammarNode::Kind;

// A stack cut to what `reach` bytes can see: what is cut off lies behind more bytes than that.
class StackCutter {
 public:
  StackCutter(const StackArena& from, int reach) : from_(from), reach_(reach) {}

  std::vector<StackArena::Cell> Cut(StackId id) const {
    std::vector<StackArena::Cell> frames;
    int64_t bytes = 0;
    while (id > kFarStack && bytes <= reach_) {
      StackArena::Cell cell = from_.cell(id);
      const GrammarNode& node = from_.grammar().node(cell.node);
      bytes += LeastBytes(node, cell.count);
      if (node.kind == Kind::kRepeat) cell.count = NearCount(node, cell.count);
      frames.push_back(cell);
      id = cell.parent;
    }
    frames.push_back({id > kFarStack ? kFarStack : id, -1, 0});
    return frames;
  }

 private:
  int64_t LeastBytes(const GrammarNode& node, int count) const {
    if (node.kind == Kind::kRepeat) {
      const int64_t child = from_.grammar().node(node.children[0]).min_bytes;
      return child * std::max(0, node.min - count);
    }
    if (node.kind != Kind::kSequence) return node.min_bytes;
    int64_t bytes = 0;
    for (size_t i = static_cast<size_t>(count); i < node.children.size() && bytes <= reach_; ++i)
      bytes += from_.grammar().node(node.children[i]).min_bytes;
    return bytes;
  }

  // Another count that goes on in the same way as far as can be seen.
  int NearCount(const GrammarNode& node, int count) const {
    if (count < node.min) return node.min - count > reach_ ? 0 : count;
    const bool far = node.max == kUnbounded || node.max - count > reach_;
    return far ? node.min : count;
  }

  const StackArena& from_;
  int64_t reach_;
};

// The states that one mask's walk meets, with their steps.
class StateTable {
 public:
  static constexpr int32_t kDead = -1;
  // Stack-steps for one mask: more is only reached by hostile grammars, whose longer tokens are then
  // taken for forbidden, which is safe.
  static constexpr int64_t kMaxWork = 3'000'000;

  explicit StateTable(StackArena& arena) : arena_(arena) {}

  int32_t Add(StackSet state) {
    if (state.stacks.empty()) return kDead;  // nothing more may come
    const auto [at, added] = ids_.try_emplace(state.stacks, static_cast<int32_t>(states_.size()));
    if (added) {
      next_.emplace_back().fill(kUnknown);
      states_.push_back(std::move(state));
    }
    return at->second;
  }

  // The state behind the byte; kDead with `fits` true: the text may end there.
  int32_t Step(int32_t from, uint8_t byte, bool& fits) {
    int32_t& next = next_[from][byte];
    if (next == kUnknown) {
      if (work_ > kMaxWork) return fits = false, kDead;
      work_ += static_cast<int64_t>(states_[from].stacks.size()) + 4;
      StackSet state = arena_.Step(states_[from], byte);
      work_ += 4 * static_cast<int64_t>(state.stacks.size());
      const bool ends = state.stacks.empty() && state.accepting;
      const int32_t id = ends ? kEnd : Add(std::move(state));
      return Found(next_[from][byte] = id, fits);
    }
    return Found(next, fits);
  }

 private:
  static constexpr int32_t kUnknown = -3, kEnd = -2;
  static int32_t Found(int32_t id, bool& fits) {
    fits = id != kDead;
    return id == kEnd ? kDead : id;
  }

  StackArena& arena_;
  std::vector<StackSet> states_;
  std::vector<std::array<int32_t, 256>> next_;
  std::map<std::vector<StackId>, int32_t> ids_;
  int64_t work_ = 0;
};

// How many characters of a JSON string may still come at least in one of the stacks; 0: none, or not
// known.
int FreeChars(const StackArena& arena, const StackSet& state) {
  const Grammar& grammar = arena.grammar();
  if (grammar.json_char() < 0) return 0;
  int most = 0;
  for (const StackId id : state.stacks) {
    const StackArena::Cell& top = arena.cell(id);
    if (top.node != grammar.json_ascii()) continue;
    most = std::max(most, 1);
    if (top.parent <= kFarStack) continue;
    const StackArena::Cell& loop = arena.cell(top.parent);
    const GrammarNode& node = grammar.node(loop.node);
    if (node.kind != Kind::kRepeat || node.children[0] != grammar.json_char()) continue;
    most = std::max(most, node.max == kUnbounded ? kUnbounded : node.max - loop.count + 1);
  }
  return most;
}

void Walk(const TokenTrie& trie, StateTable& table, int32_t start, int max_bytes, std::vector<uint64_t>& mask) {
  std::vector<int32_t> trail(static_cast<size_t>(max_bytes) + 1, start);  // by depth
  const auto& nodes = trie.nodes();
  // First the single bytes, so that work which runs out leaves something.
  bool fits = false;
  for (size_t i = 0; i < nodes.size(); i = static_cast<size_t>(nodes[i].end)) table.Step(start, nodes[i].byte, fits);
  for (size_t i = 0; i < nodes.size();) {
    const TokenTrie::Node& node = nodes[i];
    const int32_t next = table.Step(trail[node.depth - 1], node.byte, fits);
    if (fits) {
      for (const TokenId id : trie.tokens(node)) mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
    }
    trail[node.depth] = next;
    i = next == StateTable::kDead ? static_cast<size_t>(node.end) : i + 1;
  }
}

}  // namespace

MaskCache::Mask MaskCache::Find(StackArena& arena, const StackSet& state) {
  // One byte more than a token has: behind the longest, something of the stack must be left.
  const StackCutter cutter(arena, vocabulary_.max_token_bytes() + 1);
  std::vector<std::string> keys;
  std::vector<std::vector<StackArena::Cell>> stacks;
  for (const StackId id : state.stacks) {
    stacks.push_back(cutter.Cut(id));
    std::string& key = keys.emplace_back();
    for (const StackArena::Cell& cell : stacks.back()) {
      key.append(reinterpret_cast<const char*>(&cell.node), sizeof cell.node);
      key.append(reinterpret_cast<const char*>(&cell.count), sizeof cell.count);
    }
    key += stacks.back().back().parent == kEmptyStack ? 'e' : 'f';
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::string whole = std::to_string(arena.grammar().id()) + ":";
  for (const std::string& key : keys) whole += key + "|";
  {
    const MutexLock lock(mutex_);
    const auto known = masks_.find(whole);
    if (known != masks_.end()) {
      order_.splice(order_.begin(), order_, known->second.used);
      return known->second.mask;
    }
  }
  // The cut stacks in an arena of their own.
  StackArena small(arena.grammar());
  StackSet start;
  for (const auto& frames : stacks) {
    StackId id = frames.back().parent;
    for (auto frame = frames.rbegin() + 1; frame != frames.rend(); ++frame)
      id = small.Push(id, frame->node, frame->count);
    start.stacks.push_back(id);
  }
  std::sort(start.stacks.begin(), start.stacks.end());
  start.stacks.erase(std::unique(start.stacks.begin(), start.stacks.end()), start.stacks.end());
  const auto mask = std::make_shared<std::vector<uint64_t>>(vocabulary_.num_words());
  const int free_chars = FreeChars(small, start);
  if (free_chars > 0) vocabulary_.AddPlain(free_chars, *mask);
  StateTable table(small);
  const int32_t first = table.Add(std::move(start));
  if (first != StateTable::kDead)
    Walk(free_chars > 0 ? vocabulary_.not_plain() : vocabulary_.all(), table, first, vocabulary_.max_token_bytes(),
         *mask);
  const MutexLock lock(mutex_);
  if (masks_.contains(whole)) return mask;
  order_.push_front(whole);
  try {
    masks_[whole] = {mask, order_.begin()};
  } catch (const std::bad_alloc&) {
    order_.pop_front();
    throw;
  }
  bytes_ += BytesOf(whole);
  if (masks_.size() > capacity_) ForgetLast();
  return mask;
}

// The key stands in the map and in the order; what either has for each entry is about as much as an Entry.
size_t MaskCache::BytesOf(const std::string& key) const {
  return vocabulary_.num_words() * sizeof(uint64_t) + 2 * (sizeof key + key.size() + sizeof(Entry));
}

void MaskCache::ForgetLast() {
  bytes_ -= BytesOf(order_.back());
  masks_.erase(order_.back());
  order_.pop_back();
}

void MaskCache::GiveBack(size_t bytes) {
  const MutexLock lock(mutex_);
  const size_t before = bytes_;
  while (!order_.empty() && before - bytes_ < bytes) ForgetLast();
}

}  // namespace puna::engine
