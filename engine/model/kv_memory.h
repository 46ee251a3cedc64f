// KvMemory: the memory of the paged cache, a buffer for each layer, touched ahead of its use.
//
// The kernel hands memory out, and clears it, when it is first written: with huge pages 2 MiB at a time, for every
// layer in the one step in which the cache grows beyond them. With a 3B in a virtual machine that step took 150 ms
// longer than the others, and every stream waited. So each step touches some of what later ones need; nothing is
// resident long before.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/aligned_buffer.h"
#include "engine/base/thread_team.h"

namespace puna::engine {

class KvMemory {
 public:
  static constexpr int64_t kPieceBytes = int64_t{2} << 20;

  KvMemory() = default;
  KvMemory(int num_layers, int num_blocks, int64_t block_bytes, ThreadTeam& team);

  uint8_t* layer(int layer) { return layers_[layer].data(); }
  const uint8_t* layer(int layer) const { return layers_[layer].data(); }
  int num_layers() const { return static_cast<int>(layers_.size()); }

  // Before a step that writes `written_bytes` in all layers together, into blocks [0, num_blocks).
  void Prepare(int num_blocks, int64_t written_bytes, ThreadTeam& team);

  // Touched so far, all layers together.
  int64_t touched_bytes() const;

 private:
  int64_t PiecesFor(int64_t layer_bytes) const { return (layer_bytes + kPieceBytes - 1) / kPieceBytes; }
  void TouchTo(int64_t end, ThreadTeam& team);

  int64_t block_bytes_ = 0;
  int64_t used_bytes_ = 0;  // of a layer: up to the last block that was ever written
  std::vector<AlignedBuffer<uint8_t>> layers_;
  int64_t touched_ = 0;  // pieces: the first of every layer, the second of every layer, ...
};

}  // namespace puna::engine
