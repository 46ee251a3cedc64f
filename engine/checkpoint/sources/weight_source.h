// A weight matrix as some checkpoint holds it, whatever the file format. The one thing the model builder sees.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/bf16.h"
#include "engine/kernels/group_form.h"

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
  // holds values that its format forbids, and weights that are no finite numbers.

  // Dequantised rows [first, first + count) into out [count, cols]. Any encoding.
  virtual void ReadFloat(int64_t first, int64_t count, float* out) const = 0;

  // kBf16 only.
  virtual void ReadBf16(int64_t first, int64_t count, bf16* out) const;

  // kInt8 and kInt4 only: codes [count, cols], scales [count, cols / group_size()].
  virtual void ReadCodes(int64_t first, int64_t count, int8_t* codes, float* scales) const;

  // How the values are made of integers, when the file holds them so, in runs of groups()->group columns.
  virtual std::optional<GroupForm> groups() const { return std::nullopt; }

  // groups() only: codes, scales and what else the form has, the file's own. Fastest in blocks of 32 rows or more.
  virtual void ReadGroups(int64_t first, int64_t count, const GroupRows& out) const;

  // The input of each column as ReadGroups gives it, [cols]: act-order, where a group's columns are not neighbours. Empty:
  // column c is input c. All other reading is in the order of the inputs.
  virtual std::span<const int32_t> column_order() const { return {}; }

  // Whether the file holds plain numbers: bf16, float16 or float32.
  virtual bool plain() const { return true; }

  // What the matrix takes in its file.
  virtual int64_t file_bytes() const { return rows() * cols() * 2; }

  // The bytes are wanted soon (the disk may begin).
  virtual void Prefetch() const {}

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
