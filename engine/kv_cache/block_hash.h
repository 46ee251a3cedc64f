// The name of a full block's content: a chained hash over its ids and all ids before it, so that equal names mean equal
// keys and values. 128 bits under a key: nobody can construct two prompts that share a name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/token_id.h"
#include "engine/kv_cache/block_id.h"

namespace puna::engine {

struct BlockHash {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const BlockHash&) const = default;
};

inline constexpr BlockHash kRootHash{};  // the parent of a sequence's first block, where nothing divides the cache

struct BlockHashHasher {
  size_t operator()(const BlockHash& hash) const { return hash.low; }
};

using HashKey = std::array<uint64_t, 2>;

// Known to nobody before.
HashKey RandomHashKey();

// SipHash-2-4 with 128 bits of output over whole 64-bit words.
// Source: Aumasson, Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012, and its reference code for 128 bits.
BlockHash SipHash128(std::span<const uint64_t> words, const HashKey& key);

// The parent of the first block of a sequence under this salt; kRootHash when it is empty.
BlockHash RootHash(std::string_view salt, const HashKey& key);

// The name of the block that holds `ids` (kBlockSize of them) behind the block named `parent`.
BlockHash HashBlock(const BlockHash& parent, std::span<const TokenId> ids, const HashKey& key);

}  // namespace puna::engine
