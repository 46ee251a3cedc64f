#include "engine/checkpoint/files/tensor.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "engine/base/bf16.h"
#include "engine/base/check.h"
#include "engine/base/float16.h"
#include "engine/checkpoint/files/checkpoint_fault.h"

namespace puna::engine {

size_t SizeOf(DType dtype) {
  switch (dtype) {
    case DType::kBool:
    case DType::kU8:
    case DType::kI8:
    case DType::kF8E4M3:
    case DType::kF8E5M2:
      return 1;
    case DType::kI16:
    case DType::kU16:
    case DType::kF16:
    case DType::kBf16:
      return 2;
    case DType::kI32:
    case DType::kU32:
    case DType::kF32:
      return 4;
    default:
      return 8;
  }
}

const char* NameOf(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return "BOOL";
    case DType::kU8:
      return "U8";
    case DType::kI8:
      return "I8";
    case DType::kF8E4M3:
      return "F8_E4M3";
    case DType::kF8E5M2:
      return "F8_E5M2";
    case DType::kI16:
      return "I16";
    case DType::kU16:
      return "U16";
    case DType::kF16:
      return "F16";
    case DType::kBf16:
      return "BF16";
    case DType::kI32:
      return "I32";
    case DType::kU32:
      return "U32";
    case DType::kF32:
      return "F32";
    case DType::kI64:
      return "I64";
    case DType::kU64:
      return "U64";
    default:
      return "F64";
  }
}

bool IsWeightFloat(DType dtype) { return dtype == DType::kBf16 || dtype == DType::kF16 || dtype == DType::kF32; }

int64_t ElementCount(std::span<const int64_t> shape) {
  int64_t count = 1;
  bool empty = false;
  for (const int64_t n : shape) {
    if (n < 0) return -1;
    if (n == 0) empty = true;
    if (n > 0 && count > std::numeric_limits<int64_t>::max() / n) return -1;
    if (n > 0) count *= n;
  }
  return empty ? 0 : count;
}

void ReadFloats(const Tensor& tensor, int64_t first, int64_t count, float* out) {
  const size_t size = SizeOf(tensor.dtype);
  const std::byte* from = tensor.bytes.data() + static_cast<size_t>(first) * size;
  if (tensor.dtype == DType::kF32) {
    std::memcpy(out, from, static_cast<size_t>(count) * size);
  } else if (tensor.dtype == DType::kBf16) {
    for (int64_t i = 0; i < count; ++i) {
      bf16 value;
      std::memcpy(&value, from + 2 * i, 2);
      out[i] = ToFloat(value);
    }
  } else {
    PUNA_CHECK(tensor.dtype == DType::kF16) << tensor.name;
    for (int64_t i = 0; i < count; ++i) {
      uint16_t bits;
      std::memcpy(&bits, from + 2 * i, 2);
      out[i] = HalfToFloat(bits);
    }
  }
}

// The largest magnitude, as an integer, shows the largest exponent: no branch in the loop.
bool AllFinite(std::span<const float> values) {
  uint32_t top = 0;
  for (const float value : values) top = std::max(top, std::bit_cast<uint32_t>(value) & 0x7fffffffu);
  return top < 0x7f800000u;
}

bool AllFinite(std::span<const bf16> values) {
  uint16_t top = 0;
  for (const bf16 value : values) top = std::max(top, static_cast<uint16_t>(value.bits & 0x7fffu));
  return top < 0x7f80u;
}

std::vector<int32_t> ReadInts(const Tensor& tensor) {
  const int64_t count = ElementCount(tensor.shape);
  std::vector<int32_t> out(static_cast<size_t>(count));
  if (tensor.dtype == DType::kI32) {
    std::memcpy(out.data(), tensor.bytes.data(), out.size() * 4);
    return out;
  }
  CheckDType(tensor, DType::kI64);
  for (size_t i = 0; i < out.size(); ++i) {
    int64_t value;
    std::memcpy(&value, tensor.bytes.data() + 8 * i, 8);
    out[i] = static_cast<int32_t>(value);
    if (out[i] != value) {
      Throw({.path = tensor.path(),
             .item = Printable(tensor.name),
             .expected = "32-bit values",
             .found = std::to_string(value),
             .remedy = kDownloadAgain});
    }
  }
  return out;
}

void TensorSet::Add(Tensor tensor) {
  const auto [it, is_new] = tensors_.try_emplace(tensor.name, tensor);
  if (is_new) return;
  Throw({.path = tensor.path(),
         .item = Printable(tensor.name),
         .expected = "each tensor once",
         .found = "one of this name also in " + it->second.path(),
         .remedy = kDownloadAgain});
}

const Tensor& TensorSet::Take(const std::string& name) {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) {
    Throw({.path = path_,
           .item = Printable(name),
           .expected = "a tensor of this name",
           .found = "none",
           .remedy = "the checkpoint is incomplete or not of a Llama: download all of its files again"});
  }
  used_.insert(name);
  return it->second;
}

const Tensor& TensorSet::Take(const std::string& name, const std::vector<int64_t>& shape) {
  if (!Has(name)) {
    Throw({.path = path_,
           .item = Printable(name),
           .expected = "a tensor " + ShapeText(shape),
           .found = "none of this name",
           .remedy = "the checkpoint is incomplete or not of a Llama: download all of its files again"});
  }
  const Tensor& tensor = Take(name);
  CheckShape(tensor, shape);
  return tensor;
}

const Tensor& TensorSet::TakeFloat(const std::string& name, const std::vector<int64_t>& shape) {
  const Tensor& tensor = Take(name, shape);
  CheckWeightFloat(tensor);
  return tensor;
}

std::vector<float> TensorSet::TakeVector(const std::string& name, int64_t n) {
  const Tensor& tensor = TakeFloat(name, {n});
  std::vector<float> out(static_cast<size_t>(n));
  ReadFloats(tensor, 0, n, out.data());
  const auto bad = std::find_if(out.begin(), out.end(), [](float x) { return !std::isfinite(x); });
  if (bad != out.end()) ThrowNotFinite(tensor.path(), tensor.name, bad - out.begin(), "weight", *bad);
  return out;
}

std::vector<const Tensor*> TensorSet::Unused() const {
  std::vector<const Tensor*> unused;
  for (const auto& [name, tensor] : tensors_) {
    if (used_.count(name) == 0) unused.push_back(&tensor);
  }
  return unused;
}

void CheckShape(const Tensor& tensor, const std::vector<int64_t>& shape) {
  if (tensor.shape == shape) return;
  Throw({.path = tensor.path(),
         .item = Printable(tensor.name),
         .expected = "shape " + ShapeText(shape),
         .found = ShapeText(tensor.shape),
         .remedy = "the file does not belong to this configuration: download the whole model again"});
}

void CheckDType(const Tensor& tensor, DType dtype) {
  if (tensor.dtype == dtype) return;
  Throw({.path = tensor.path(),
         .item = Printable(tensor.name),
         .expected = std::string("type ") + NameOf(dtype),
         .found = NameOf(tensor.dtype),
         .remedy = "convert the checkpoint or choose another quantisation"});
}

void CheckWeightFloat(const Tensor& tensor) {
  if (IsWeightFloat(tensor.dtype)) return;
  Throw({.path = tensor.path(),
         .item = Printable(tensor.name),
         .expected = "type BF16, F16 or F32",
         .found = NameOf(tensor.dtype),
         .remedy = "convert the checkpoint or choose another quantisation"});
}

}  // namespace puna::engine
