#include "engine/model/kv_memory.h"

#include <algorithm>

namespace puna::engine {
namespace {

constexpr int64_t kSmallPage = 4096;

// Writes what is there to every page.
void Touch(uint8_t* begin, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += kSmallPage) {
    volatile uint8_t* byte = begin + at;
    *byte = *byte;
  }
}

}  // namespace

KvMemory::KvMemory(int num_layers, int num_blocks, int64_t block_bytes, ThreadTeam& team) : block_bytes_(block_bytes) {
  for (int layer = 0; layer < num_layers; ++layer) layers_.emplace_back(num_blocks * block_bytes);
  if (num_blocks > 0) TouchTo(num_layers, team);
}

void KvMemory::Prepare(int num_blocks, int64_t written_bytes, ThreadTeam& team) {
  if (layers_.empty()) return;
  used_bytes_ = std::max(used_bytes_, num_blocks * block_bytes_);
  const int64_t used = PiecesFor(used_bytes_);
  const int64_t most = std::min(used + 1, PiecesFor(static_cast<int64_t>(layers_.front().size())));
  // A quarter faster than they are filled, so that they are ready in time.
  const int64_t share = (written_bytes + written_bytes / 4 + kPieceBytes - 1) / kPieceBytes;
  TouchTo(std::min(num_layers() * most, std::max(num_layers() * used, touched_ + share)), team);
}

void KvMemory::TouchTo(int64_t end, ThreadTeam& team) {
  if (end <= touched_) return;
  team.ForEach(end - touched_, [&](int64_t i, int) {
    const int64_t piece = touched_ + i;
    AlignedBuffer<uint8_t>& layer = layers_[static_cast<size_t>(piece % num_layers())];
    const int64_t begin = piece / num_layers() * kPieceBytes;
    Touch(layer.data() + begin, std::min(kPieceBytes, static_cast<int64_t>(layer.size()) - begin));
  });
  touched_ = end;
}

int64_t KvMemory::touched_bytes() const {
  if (layers_.empty()) return 0;
  const auto size = static_cast<int64_t>(layers_.front().size());
  const int64_t whole = std::min(touched_ / num_layers() * kPieceBytes, size);
  return whole * num_layers() + touched_ % num_layers() * std::min(kPieceBytes, size - whole);
}

}  // namespace puna::engine
