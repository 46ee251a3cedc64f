// A packed weight as one run of bytes, exactly as it lies in memory, so that a file can be mapped
// in place of packing.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "engine/layers/packed_weight.h"

namespace puna::engine {

// The layout of panels (engine/kernels/gemm.h) and of what follows them. To be raised whenever one
// of them changes.
inline constexpr int kPackedLayout = 1;

// Bytes of a weight of this shape: panels, scales, sums, weighted sums, each padded to a multiple
// of 64.
size_t BlobBytes(const WeightForm& form, int64_t outputs, int64_t inputs);

// The parts of a weight in the order of a blob, without padding; views of its memory.
std::vector<std::span<const std::byte>> BlobParts(const PackedWeight& weight);

// The weight in `blob`, of BlobBytes and aligned to 64 bytes, which `owner` keeps alive. Nothing is
// copied or looked at.
PackedWeight MapBlob(const WeightForm& form, int64_t outputs, int64_t inputs, std::span<const std::byte> blob,
                     const std::shared_ptr<const void>& owner);

}  // namespace puna::engine
