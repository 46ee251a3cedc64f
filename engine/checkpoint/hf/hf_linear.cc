#include "engine/checkpoint/hf/hf_linear.h"

#include <algorithm>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/sources/bnb4_source.h"
#include "engine/checkpoint/sources/dense_source.h"
#include "engine/checkpoint/sources/float8_source.h"
#include "engine/checkpoint/sources/group_tensors.h"
#include "engine/checkpoint/sources/int8_source.h"
#include "engine/checkpoint/sources/packed_source.h"
#include "engine/checkpoint/sources/transposed_source.h"

namespace puna::engine {
namespace {

using Method = QuantizationConfig::Method;

constexpr char kInstead[] = "use one of these of the same model, or a Q4_K_M of it as GGUF";

// Where a linear's tensors are, and what they must come to.
struct Place {
  TensorSet* tensors;
  const std::string& prefix;
  int64_t rows, cols;
  const QuantizationConfig& quantization;

  bool Has(const char* suffix) const { return tensors->Has(prefix + suffix); }
  const Tensor& Take(const char* suffix) const { return tensors->Take(prefix + suffix); }
  const Tensor* TakeIfPresent(const char* suffix) const { return Has(suffix) ? &Take(suffix) : nullptr; }
  DType WeightType() const { return tensors->all().at(prefix + ".weight").dtype; }
};

[[noreturn]] void RefuseQuantised(const Place& at, const Tensor& tensor, const std::string& method) {
  const std::string& foreign = at.quantization.foreign;
  if (!foreign.empty()) {
    Throw({.path = tensor.path(),
           .item = Printable(tensor.name),
           .expected = "weights that are plain, GPTQ, AWQ, compressed-tensors, FP8, bitsandbytes or MLX",
           .found = Printable(foreign),
           .remedy = kInstead});
  }
  Throw({.path = tensor.path(),
         .item = Printable(tensor.name),
         .expected = "a quantization_config with quant_method " + method + " in config.json",
         .found = "another one or none",
         .remedy = "config.json and weights do not belong together: download both again"});
}

using Source = std::unique_ptr<WeightSource>;

Source OpenInt8(const Place& at) {
  const Tensor& codes = at.tensors->Take(at.prefix + ".weight", {at.rows, at.cols});
  const Tensor& scales = at.Take(".weight_scale");
  if (at.quantization.method != Method::kCompressedTensors) RefuseQuantised(at, scales, "compressed-tensors");
  const bool grouped = GroupsOf(scales, at.rows, at.cols) > 1;
  int bits = grouped ? at.quantization.grouped_bits : at.quantization.per_row_bits;
  if (bits == 0) bits = std::max(at.quantization.grouped_bits, at.quantization.per_row_bits);
  if (bits == 0) RefuseQuantised(at, scales, "compressed-tensors and config_groups");
  return MakeInt8Source({.codes = &codes, .scales = &scales, .zeros = at.TakeIfPresent(".weight_zero_point")}, bits);
}

Source OpenPacked(const Place& at) {
  const Tensor& packed = at.Take(".weight_packed");
  if (at.quantization.method != Method::kCompressedTensors) RefuseQuantised(at, packed, "compressed-tensors");
  const Tensor& shape = at.tensors->Take(at.prefix + ".weight_shape", {2});
  const std::vector<int32_t> stated = ReadInts(shape);
  if (stated[0] != at.rows || stated[1] != at.cols) {
    const std::vector<int64_t> expected = {at.rows, at.cols};
    const std::vector<int64_t> found(stated.begin(), stated.end());
    Throw({.path = shape.path(),
           .item = Printable(shape.name),
           .expected = "values " + ShapeText(expected),
           .found = ShapeText(found),
           .remedy = "the file does not belong to this configuration: download the whole model again"});
  }
  return MakePackedSource({.packed = &packed,
                           .scales = &at.Take(".weight_scale"),
                           .zeros = at.TakeIfPresent(".weight_zero_point"),
                           .g_idx = at.TakeIfPresent(".weight_g_idx")},
                          at.rows, at.cols);
}

// NVFP4 and MXFP4 of compressed-tensors and others: blocks of 16 or 32 floats of 4 bits.
[[noreturn]] void RefuseFloat4(const Place& at) {
  const Tensor& packed = at.Take(".weight_packed");
  Throw({.path = packed.path(),
         .item = Printable(packed.name),
         .expected = "integers of 4 or 8 bits",
         .found = "floats of 4 bits (nvfp4 or mxfp4)",
         .remedy = "use this model's W4A16, AWQ, GPTQ, or a Q4_K_M as GGUF"});
}

Source OpenMlx(const Place& at) {
  const Tensor& weight = at.Take(".weight");
  const Tensor& scales = at.Take(".scales");
  if (!at.Has(".biases")) {
    Throw({.path = weight.path(),
           .item = Printable(at.prefix),
           .expected = "MLX's affine quantisation, with biases",
           .found = "scales alone (mxfp4, nvfp4 or mxfp8)",
           .remedy = "use this model's MLX quantisation with 4 or 8 bits, or a Q4_K_M as GGUF"});
  }
  return MakePackedSource({.packed = &weight, .scales = &scales, .minimums = &at.Take(".biases")}, at.rows, at.cols);
}

// bitsandbytes' int8: the largest magnitude of each row is 127.
Source OpenBnb8(const Place& at) {
  const Tensor& codes = at.tensors->Take(at.prefix + ".weight", {at.rows, at.cols});
  at.TakeIfPresent(".weight_format");
  return MakeInt8Source(
      {.codes = &codes, .scales = &at.tensors->Take(at.prefix + ".SCB", {at.rows}), .scale_unit = 1.0f / 127.0f}, 8);
}

Source OpenFloat8(const Place& at) {
  const Tensor& codes = at.tensors->Take(at.prefix + ".weight", {at.rows, at.cols});
  const char* suffix = at.Has(".weight_scale_inv") ? ".weight_scale_inv" : ".weight_scale";
  at.TakeIfPresent(".input_scale_ub");
  return MakeFloat8Source(codes, at.Take(suffix), at.quantization.block_rows, at.quantization.block_cols);
}

// Some GPTQ and AWQ writers add a bias of zeros to every layer; a real one would change the model.
void TakeZeroBias(const Place& at) {
  if (!at.Has(".bias")) return;
  const Tensor& bias = at.tensors->Take(at.prefix + ".bias", {at.rows});
  if (std::all_of(bias.bytes.begin(), bias.bytes.end(), [](std::byte b) { return b == std::byte{0}; })) return;
  Throw({.path = bias.path(),
         .item = Printable(bias.name),
         .expected = "zeros (Llama's layers have no bias)",
         .found = "other values",
         .remedy = "this model is not a Llama as we know it: use another"});
}

// AWQ's gemv: [out, in / 8], with zero points and scales padded to whole words.
Source OpenGemv(const Place& at) {
  const int64_t size = at.quantization.group_size == 0 ? at.cols : at.quantization.group_size;
  if (at.cols % size != 0) CheckShape(at.Take(".qweight"), {at.rows, at.cols / 8});
  const Tensor& scales = at.Take(".scales");
  const int64_t groups = at.cols / size;
  CheckWeightFloat(scales);
  if (scales.shape.size() != 2 || scales.shape[0] != at.rows || scales.shape[1] < groups) {
    CheckShape(scales, {at.rows, groups});
  }
  return MakePackedSource({.packed = &at.Take(".qweight"),
                           .scales = &scales,
                           .zeros = &at.Take(".qzeros"),
                           .zeros_packing = PackedTensors::Zeros::kAlongGroups},
                          at.rows, at.cols, groups);
}

Source OpenTransposed(const Place& at) {
  TakeZeroBias(at);
  const QuantizationConfig& quantization = at.quantization;
  if (quantization.method == Method::kAwqGemv) return OpenGemv(at);
  const Tensor& qweight = at.Take(".qweight");
  const bool gptq = quantization.method == Method::kGptq;
  if (!gptq && quantization.method != Method::kAwq) RefuseQuantised(at, qweight, "gptq or awq");
  return MakeTransposedSource({.packing = gptq ? TransposedTensors::Packing::kGptq : TransposedTensors::Packing::kAwq,
                               .qweight = &qweight,
                               .qzeros = &at.Take(".qzeros"),
                               .scales = &at.Take(".scales"),
                               .g_idx = gptq ? at.TakeIfPresent(".g_idx") : nullptr,
                               .zero_minus_one = quantization.gptq_zero_minus_one},
                              at.rows, at.cols, quantization.group_size);
}

// Quantisations that we know by their tensors and do not read.
void RefuseForeign(const Place& at) {
  constexpr std::pair<const char*, const char*> kForeign[] = {
      {".q_weight", "EXL2"}, {".trellis", "EXL3"}, {".W_q", "HQQ"}, {".codebooks", "AQLM"}, {".Qidxs", "QuIP#"}};
  for (const auto& [suffix, name] : kForeign) {
    if (!at.Has(suffix)) continue;
    Throw({.path = at.tensors->path(),
           .item = Printable(at.prefix),
           .expected = "weights that are plain, GPTQ, AWQ, compressed-tensors, FP8, bitsandbytes or MLX",
           .found = name,
           .remedy = kInstead});
  }
}

}  // namespace

std::unique_ptr<WeightSource> OpenHfLinear(TensorSet* tensors, const std::string& prefix, int64_t rows, int64_t cols,
                                           const QuantizationConfig& quantization) {
  const Place at{tensors, prefix, rows, cols, quantization};
  if (at.Has(".weight_packed") && !at.Has(".weight_shape")) RefuseFloat4(at);
  if (at.Has(".weight_packed")) return OpenPacked(at);
  if (at.Has(".qweight")) return OpenTransposed(at);
  if (!at.Has(".weight")) RefuseForeign(at);
  if (!at.Has(".weight")) tensors->Take(prefix + ".weight", {rows, cols});
  if (at.WeightType() == DType::kU32 && at.Has(".scales")) return OpenMlx(at);
  if (at.Has(".weight.absmax")) return TakeBnb4Source(tensors, prefix + ".weight", rows, cols);
  if (at.Has(".SCB")) return OpenBnb8(at);
  if (at.WeightType() == DType::kF8E4M3) return OpenFloat8(at);
  if (at.Has(".weight_scale")) return OpenInt8(at);
  return MakeDenseSource(tensors->TakeFloat(prefix + ".weight", {rows, cols}));
}

}  // namespace puna::engine
