// FakeTier: a tier whose loads move when the test says so.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/kv_cache/kv_tier.h"

namespace puna::engine {

class FakeTier final : public KvTier {
 public:
  bool is_opening = false;
  std::unordered_set<BlockHash, BlockHashHasher> has;
  std::deque<std::shared_ptr<KvLoad>> loads;  // begun

  bool opening() const override { return is_opening; }
  bool Contains(const BlockHash& hash) const override { return has.contains(hash); }
  int CountFound(std::span<const BlockHash> hashes) const override {
    int count = 0;
    while (count < std::ssize(hashes) && has.contains(hashes[count])) ++count;
    return count;
  }
  std::shared_ptr<KvLoad> Load(std::vector<BlockName> names, std::vector<BlockId> blocks) override {
    *beat_ = KvLoad::Clock::now().time_since_epoch().count() + kFarAhead;
    loads.push_back(std::make_shared<KvLoad>(std::move(names), std::move(blocks), beat_));
    return loads.back();
  }

  // So many blocks of the oldest load come, and it ends.
  void Finish(int num_blocks) {
    const auto load = loads.front();
    loads.pop_front();
    num_blocks = std::min<int>(num_blocks, static_cast<int>(load->blocks().size()));
    while (num_blocks-- > 0 && load->Fill([](BlockId) {})) {
    }
    load->End();
  }

 private:
  // Its loads do not end by the clock.
  static constexpr KvLoad::Clock::rep kFarAhead = std::chrono::nanoseconds(std::chrono::hours(1)).count();
  const std::shared_ptr<KvLoad::Beat> beat_ = std::make_shared<KvLoad::Beat>(0);
};

}  // namespace puna::engine
