// A weight matrix as some checkpoint holds it, whatever the file format. The one thing the model builder sees.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/bf16.h"

namespace puna::engine {

// W [rows, cols] with y = x * W^T (rows = out features, cols = in features), Hugging Face's row order.
class WeightSource {
 public:
  enum class Encoding {
    kBf16,   // exactly representable in bf16
    kFloat,  // float32 or float16
    kInt8,   // codes in [-128, 127], one scale per row
    kInt4,   // codes in [-8, 7], one scale per row and group of group_size() columns, w = code * scale
  };
  virtual ~WeightSource() = default;

  virtual std::string name() const = 0;
  virtual int64_t rows() const = 0;
  virtual int64_t cols() const = 0;
  virtual Encoding encoding() const = 0;
  virtual int64_t group_size() const { return cols(); }

  // Reading: thread-safe; rows [first, first + count) must lie in [0, rows()). Throws std::runtime_error when the file
  // holds values that its format forbids.

  // Dequantised rows [first, first + count) into out [count, cols]. Any encoding.
  virtual void ReadFloat(int64_t first, int64_t count, float* out) const = 0;

  // kBf16 only.
  virtual void ReadBf16(int64_t first, int64_t count, bf16* out) const;

  // kInt8 and kInt4 only: codes [count, cols], scales [count, cols / group_size()].
  virtual void ReadCodes(int64_t first, int64_t count, int8_t* codes, float* scales) const;

  // The bytes are not needed again (mapped pages may go).
  virtual void Release() const {}
};

// A rank-r update of a linear layer: y += scale * B (A x), x unquantised (QLoRA).
struct LoraSource {
  std::unique_ptr<WeightSource> a;  // [r, in]
  std::unique_ptr<WeightSource> b;  // [out, r]
  float scale = 0;
};

struct LinearSource {
  std::unique_ptr<WeightSource> weight;
  std::unique_ptr<LoraSource> lora;  // null: none
};

}  // namespace puna::engine
