#include "engine/base/content_hash.h"

#define XXH_INLINE_ALL  // the header alone: nothing to link
#include <xxhash.h>

namespace puna::engine {
namespace {

ContentHash FromXxh(const XXH128_hash_t& hash) { return {hash.low64, hash.high64}; }

}  // namespace

struct ContentHasher::State {
  XXH3_state_t xxh;
};

ContentHash HashContent(std::span<const uint8_t> bytes) { return FromXxh(XXH3_128bits(bytes.data(), bytes.size())); }

ContentHasher::ContentHasher() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->xxh); }

ContentHasher::~ContentHasher() = default;

void ContentHasher::Add(std::span<const uint8_t> bytes) {
  XXH3_128bits_update(&state_->xxh, bytes.data(), bytes.size());
}

ContentHash ContentHasher::Result() const { return FromXxh(XXH3_128bits_digest(&state_->xxh)); }

}  // namespace puna::engine
