// Tensor: name, element type and shape of some bytes of a file, row-major and contiguous. TensorSet: all that a
// checkpoint's files hold, by name, and which of them have been used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "engine/base/bf16.h"
#include "engine/checkpoint/files/mapped_file.h"

namespace puna::engine {

enum class DType { kBool, kU8, kI8, kF8E4M3, kF8E5M2, kI16, kU16, kF16, kBf16, kI32, kU32, kF32, kI64, kU64, kF64 };

size_t SizeOf(DType dtype);       // bytes per element
const char* NameOf(DType dtype);  // as in safetensors: "BF16"
bool IsWeightFloat(DType dtype);  // bf16, f16, f32

// Product of the shape, or -1 when it is negative somewhere or does not fit.
int64_t ElementCount(std::span<const int64_t> shape);

struct Tensor {
  std::string name;
  DType dtype = DType::kBf16;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  // of any alignment
  std::shared_ptr<const MappedFile> file;

  const std::string& path() const { return file->path(); }
  void Prefetch() const { file->Prefetch(bytes); }
  void Release() const { file->Release(bytes); }
};

// Elements [first, first + count) of a bf16, f16 or f32 tensor as float32.
void ReadFloats(const Tensor& tensor, int64_t first, int64_t count, float* out);

// Whether none of the numbers is NaN or infinite.
bool AllFinite(std::span<const float> values);
bool AllFinite(std::span<const bf16> values);

// Elements of an I32 or I64 tensor. Values outside int32 are an error.
std::vector<int32_t> ReadInts(const Tensor& tensor);

class TensorSet {
 public:
  // `path` names the checkpoint in messages about tensors that are missing.
  explicit TensorSet(std::string path) : path_(std::move(path)) {}

  void Add(Tensor tensor);  // throws when the name is there already
  const std::string& path() const { return path_; }
  const std::map<std::string, Tensor>& all() const { return tensors_; }
  bool Has(const std::string& name) const { return tensors_.count(name) > 0; }

  // These mark the tensor as used. Missing, of another shape or type: throws with path, tensor, expected and found.
  const Tensor& Take(const std::string& name);
  const Tensor& Take(const std::string& name, const std::vector<int64_t>& shape);
  const Tensor& TakeFloat(const std::string& name, const std::vector<int64_t>& shape);
  // A float vector of n elements, read; they must be finite.
  std::vector<float> TakeVector(const std::string& name, int64_t n);

  std::vector<const Tensor*> Unused() const;

 private:
  std::string path_;
  std::map<std::string, Tensor> tensors_;
  std::set<std::string> used_;
};

// Errors about a tensor whose shape or type is not the expected one.
void CheckShape(const Tensor& tensor, const std::vector<int64_t>& shape);
void CheckDType(const Tensor& tensor, DType dtype);
void CheckWeightFloat(const Tensor& tensor);

}  // namespace puna::engine
