#include "engine/checkpoint/files/content_hash.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace puna::engine {
namespace {

constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15ull;  // 2^64 over the golden ratio, odd

uint64_t Mix(uint64_t state, uint64_t word) { return std::rotl((state ^ word) * kMultiplier, 29); }

}  // namespace

void PiecewiseHash::AddStride(const std::byte* bytes) {
  for (size_t i = 0; i < kLanes; ++i) {
    uint64_t word;
    std::memcpy(&word, bytes + 8 * i, 8);
    lanes_[i] = Mix(lanes_[i], word);
  }
}

void PiecewiseHash::Add(std::span<const std::byte> bytes) {
  total_ += bytes.size();
  if (rest_bytes_ > 0) {
    const size_t taken = std::min(kStride - rest_bytes_, bytes.size());
    std::copy_n(bytes.begin(), taken, rest_.begin() + static_cast<std::ptrdiff_t>(rest_bytes_));
    rest_bytes_ += taken;
    bytes = bytes.subspan(taken);
    if (rest_bytes_ < kStride) return;
    AddStride(rest_.data());
    rest_bytes_ = 0;
  }
  for (; bytes.size() >= kStride; bytes = bytes.subspan(kStride)) AddStride(bytes.data());
  std::copy(bytes.begin(), bytes.end(), rest_.begin());
  rest_bytes_ = bytes.size();
}

uint64_t PiecewiseHash::Finish() const {
  uint64_t hash = Mix(kMultiplier, total_);
  for (size_t i = 0; i < rest_bytes_; ++i) hash = Mix(hash, static_cast<uint64_t>(rest_[i]));
  for (const uint64_t lane : lanes_) hash = Mix(hash, lane);
  return hash ^ (hash >> 32);
}

uint64_t ContentHash(std::span<const std::byte> bytes) {
  PiecewiseHash hasher;
  hasher.Add(bytes);
  return hasher.Finish();
}

}  // namespace puna::engine
