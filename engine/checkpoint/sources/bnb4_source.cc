#include "engine/checkpoint/sources/bnb4_source.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/files/json_object.h"

namespace puna::engine {
namespace {

constexpr char kState[] = ".quant_state.bitsandbytes__";

class Bnb4Source : public WeightSource {
 public:
  Bnb4Source(const Tensor& codes, int64_t rows, int64_t cols, int64_t block, std::array<float, 16> values,
             std::vector<float> scales, int64_t file_bytes)
      : codes_(codes),
        rows_(rows),
        cols_(cols),
        block_(block),
        values_(values),
        scales_(std::move(scales)),
        file_bytes_(file_bytes) {}

  std::string name() const override { return codes_.name; }
  int64_t rows() const override { return rows_; }
  int64_t cols() const override { return cols_; }
  Encoding encoding() const override { return Encoding::kFloat; }
  bool plain() const override { return false; }
  int64_t file_bytes() const override { return file_bytes_; }

  // nf4 with whole blocks in every row.
  std::optional<GroupForm> groups() const override {
    if (cols_ % block_ != 0 || !std::equal(values_.begin(), values_.end(), kNf4Table)) return std::nullopt;
    return GroupForm{
        .code = GroupForm::Code::kNf4, .group = static_cast<int>(block_), .scale = GroupForm::Scale::kFloat};
  }
  void ReadGroups(int64_t first, int64_t count, const GroupRows& out) const override {
    PUNA_CHECK(groups() && first >= 0 && count >= 0 && first + count <= rows_) << name();
    for (int64_t i = 0; i < count * cols_; ++i) out.codes[i] = Code(first * cols_ + i);
    std::copy_n(scales_.begin() + first * cols_ / block_, count * cols_ / block_, out.scales);
  }

  void ReadFloat(int64_t first, int64_t count, float* out) const override {
    PUNA_CHECK(first >= 0 && count >= 0 && first + count <= rows_) << name();
    const int64_t begin = first * cols_, end = begin + count * cols_;
    for (int64_t i = begin; i < end; ++i) out[i - begin] = values_[Code(i)] * scales_[static_cast<size_t>(i / block_)];
  }
  void Prefetch() const override { codes_.Prefetch(); }
  void Release() const override { codes_.Release(); }

 private:
  uint8_t Code(int64_t i) const {
    const auto byte = static_cast<uint8_t>(codes_.bytes[static_cast<size_t>(i / 2)]);
    return i % 2 == 0 ? byte >> 4 : byte & 15;
  }

  Tensor codes_;
  int64_t rows_, cols_;
  int64_t block_;  // elements of the flattened matrix that share a scale
  std::array<float, 16> values_;
  std::vector<float> scales_;
  int64_t file_bytes_;
};

std::string StateName(const TensorSet& tensors, const std::string& name) {
  for (const char* kind : {"nf4", "fp4"}) {
    if (tensors.Has(name + kState + kind)) return name + kState + kind;
  }
  return name + kState + "nf4";  // whose absence is the error
}

struct State {
  int64_t block = 64;
  int64_t nested_block = 0;
  float nested_offset = 0;
};

State ReadState(const Tensor& tensor, int64_t rows, int64_t cols) {
  CheckDType(tensor, DType::kU8);
  const JsonObject json = JsonObject::Parse(tensor.bytes, tensor.path() + ": " + Printable(tensor.name));
  if (json.Ints("shape", 0, INT64_MAX) != std::vector<int64_t>{rows, cols}) {
    json.Refuse("shape", ShapeText(std::vector<int64_t>{rows, cols}), kDownloadAgain);
  }
  State state{.block = json.Int("blocksize", 1, 1 << 20)};
  if (json.Has("nested_blocksize")) {
    state.nested_block = json.Int("nested_blocksize", 1, 1 << 20);
    state.nested_offset = static_cast<float>(json.Number("nested_offset", -1e30, 1e30));
  }
  return state;
}

// Largest magnitudes of the blocks; the doubly quantised ones: table[code] * nested_absmax[block of codes] + offset.
std::vector<float> TakeScales(TensorSet* tensors, const std::string& name, const State& state, int64_t blocks) {
  const Tensor& absmax = tensors->Take(name + ".absmax", {blocks});
  if (state.nested_block == 0) {
    CheckDType(absmax, DType::kF32);
    return tensors->TakeVector(name + ".absmax", blocks);
  }
  CheckDType(absmax, DType::kU8);
  const std::vector<float> map = tensors->TakeVector(name + ".nested_quant_map", 256);
  const std::vector<float> nested =
      tensors->TakeVector(name + ".nested_absmax", (blocks + state.nested_block - 1) / state.nested_block);
  std::vector<float> scales(static_cast<size_t>(blocks));
  for (size_t i = 0; i < scales.size(); ++i) {
    const float factor = nested[i / static_cast<size_t>(state.nested_block)];
    scales[i] = map[static_cast<size_t>(absmax.bytes[i])] * factor + state.nested_offset;
  }
  return scales;
}

}  // namespace

std::unique_ptr<WeightSource> TakeBnb4Source(TensorSet* tensors, const std::string& name, int64_t rows, int64_t cols) {
  const Tensor& codes = tensors->Take(name);
  CheckDType(codes, DType::kU8);
  if (rows * cols % 2 != 0 || ElementCount(codes.shape) != rows * cols / 2) CheckShape(codes, {rows * cols / 2, 1});
  const State state = ReadState(tensors->Take(StateName(*tensors, name)), rows, cols);
  const int64_t blocks = (rows * cols + state.block - 1) / state.block;
  std::vector<float> scales = TakeScales(tensors, name, state, blocks);
  if (!AllFinite(scales)) ThrowNotFinite(codes.path(), codes.name, 0, "scale", NAN);
  std::array<float, 16> values;
  const std::vector<float> map = tensors->TakeVector(name + ".quant_map", 16);
  std::copy(map.begin(), map.end(), values.begin());
  const int64_t bytes = rows * cols / 2 + blocks * (state.nested_block == 0 ? 4 : 1);
  return std::make_unique<Bnb4Source>(codes, rows, cols, state.block, values, std::move(scales), bytes);
}

}  // namespace puna::engine
