// The one virtual interface of the engine: a decoder that maps one step's tokens to logits. LlamaModel is it; tests
// have a FakeModel. Used by the engine thread only.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "engine/base/cpu_features.h"
#include "engine/base/views.h"
#include "engine/kv_cache/block_id.h"
#include "engine/model/forward_input.h"

namespace puna::engine {

class Model {
 public:
  virtual ~Model() = default;

  virtual int vocab_size() const = 0;
  virtual int max_position() const = 0;  // positions that rope was made for
  virtual int hidden_size() const = 0;

  // Gives the KV cache its memory, once, before the first Forward.
  virtual void AllocateKvCache(int num_blocks) = 0;
  virtual size_t kv_bytes_per_block() const = 0;

  // Computes the step, writes keys and values of its tokens into the cache and returns logits
  // [logits_rows.size(), vocab_size], valid until the next call. Never throws on input that obeys ForwardInput's rules.
  virtual MatView<const float> Forward(const ForwardInput& input) = 0;

  // Of the last Forward: the final norm's output at hidden_rows, [hidden_rows.size(), hidden_size], valid until the
  // next.
  virtual MatView<const float> HiddenStates() const = 0;

  // Copies the first num_tokens positions of block `from` to block `to`, in every layer.
  virtual void CopyBlock(BlockId from, BlockId to, int num_tokens) = 0;

  // A block as bytes [kv_bytes_per_block()], in an order of the model's own. A full block may be read, and a block that
  // nobody else looks at be written, from any thread beside a Forward; before the latter, PrepareBlocks on the engine's.
  virtual void PrepareBlocks(std::span<const BlockId> blocks) = 0;
  virtual void ReadBlock(BlockId block, std::span<uint8_t> bytes) const = 0;
  virtual void WriteBlock(BlockId block, std::span<const uint8_t> bytes) = 0;

  // Everything that the bytes of a block depend on beside the ids up to it: the Fingerprint, and every weight. Reads all
  // weights, from any thread; returns early, with anything, once `stop` is set.
  virtual std::string ContentFingerprint(const std::atomic<bool>& stop) const = 0;

  // The set that its kernels are of, and that what works on its logits is to take, too.
  virtual Isa isa() const = 0;

  // Everything that a result depends on beside the weights: format, KV type, and the kernels' instruction set where sets differ.
  // For system_fingerprint.
  virtual std::string Fingerprint() const = 0;
  virtual size_t weight_bytes() const = 0;
  // Of these, bytes that are mapped from a file: resident, but to the system free memory.
  virtual size_t mapped_bytes() const { return 0; }
  // Bytes a second at which all threads read weights from memory, measured now on the first layers; 0: cannot be told.
  virtual double ReadBandwidth() { return 0; }
  virtual std::string Format() const = 0;             // bf16, w8a8, w4a8, or forms by size
  virtual std::string Kernels() const { return {}; }  // what multiplies the matrices, for people to read
};

}  // namespace puna::engine
