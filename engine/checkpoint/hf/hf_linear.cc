#include "engine/checkpoint/hf/hf_linear.h"

#include <algorithm>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/sources/dense_source.h"
#include "engine/checkpoint/sources/int8_source.h"
#include "engine/checkpoint/sources/packed_source.h"
#include "engine/checkpoint/sources/transposed_source.h"

namespace puna::engine {
namespace {

using Method = QuantizationConfig::Method;

const Tensor* TakeIfPresent(TensorSet* tensors, const std::string& name) {
  return tensors->Has(name) ? &tensors->Take(name) : nullptr;
}

[[noreturn]] void RefuseQuantised(const Tensor& tensor, const std::string& method) {
  Throw({.path = tensor.path(),
         .item = Printable(tensor.name),
         .expected = "a quantization_config with quant_method " + method + " in config.json",
         .found = "another one or none",
         .remedy = "config.json and weights do not belong together: download both again"});
}

std::unique_ptr<WeightSource> OpenInt8(TensorSet* tensors, const std::string& prefix, int64_t rows, int64_t cols,
                                       const QuantizationConfig& quantization) {
  const Tensor& codes = tensors->Take(prefix + ".weight", {rows, cols});
  const Tensor& scales = tensors->Take(prefix + ".weight_scale");
  if (quantization.method != Method::kCompressedTensors) RefuseQuantised(scales, "compressed-tensors");
  const bool grouped = GroupsOf(scales, rows, cols) > 1;
  int bits = grouped ? quantization.grouped_bits : quantization.per_row_bits;
  if (bits == 0) bits = std::max(quantization.grouped_bits, quantization.per_row_bits);
  if (bits == 0) RefuseQuantised(scales, "compressed-tensors and config_groups");
  return MakeInt8Source(codes, scales, TakeIfPresent(tensors, prefix + ".weight_zero_point"), bits);
}

std::unique_ptr<WeightSource> OpenPacked(TensorSet* tensors, const std::string& prefix, int64_t rows, int64_t cols,
                                         const QuantizationConfig& quantization) {
  const Tensor& packed = tensors->Take(prefix + ".weight_packed");
  if (quantization.method != Method::kCompressedTensors) RefuseQuantised(packed, "compressed-tensors");
  const Tensor& shape = tensors->Take(prefix + ".weight_shape", {2});
  const std::vector<int32_t> stated = ReadInts(shape);
  if (stated[0] != rows || stated[1] != cols) {
    const std::vector<int64_t> expected = {rows, cols};
    const std::vector<int64_t> found(stated.begin(), stated.end());
    Throw({.path = shape.path(),
           .item = Printable(shape.name),
           .expected = "values " + ShapeText(expected),
           .found = ShapeText(found),
           .remedy = "the file does not belong to this configuration: download the whole model again"});
  }
  return MakePackedSource({.packed = &packed,
                           .scales = &tensors->Take(prefix + ".weight_scale"),
                           .zeros = TakeIfPresent(tensors, prefix + ".weight_zero_point"),
                           .g_idx = TakeIfPresent(tensors, prefix + ".weight_g_idx")},
                          rows, cols);
}

// Some GPTQ and AWQ writers add a bias of zeros to every layer; a real one would change the model.
void TakeZeroBias(TensorSet* tensors, const std::string& prefix, int64_t rows) {
  if (!tensors->Has(prefix + ".bias")) return;
  const Tensor& bias = tensors->Take(prefix + ".bias", {rows});
  if (std::all_of(bias.bytes.begin(), bias.bytes.end(), [](std::byte b) { return b == std::byte{0}; })) return;
  Throw({.path = bias.path(),
         .item = Printable(bias.name),
         .expected = "zeros (Llama's layers have no bias)",
         .found = "other values",
         .remedy = "this model is not a Llama as we know it: use another"});
}

std::unique_ptr<WeightSource> OpenTransposed(TensorSet* tensors, const std::string& prefix, int64_t rows, int64_t cols,
                                             const QuantizationConfig& quantization) {
  const Tensor& qweight = tensors->Take(prefix + ".qweight");
  const bool gptq = quantization.method == Method::kGptq;
  if (!gptq && quantization.method != Method::kAwq) RefuseQuantised(qweight, "gptq or awq");
  TakeZeroBias(tensors, prefix, rows);
  return MakeTransposedSource({.packing = gptq ? TransposedTensors::Packing::kGptq : TransposedTensors::Packing::kAwq,
                               .qweight = &qweight,
                               .qzeros = &tensors->Take(prefix + ".qzeros"),
                               .scales = &tensors->Take(prefix + ".scales"),
                               .g_idx = gptq ? TakeIfPresent(tensors, prefix + ".g_idx") : nullptr,
                               .zero_minus_one = quantization.gptq_zero_minus_one},
                              rows, cols, quantization.group_size);
}

}  // namespace

std::unique_ptr<WeightSource> OpenHfLinear(TensorSet* tensors, const std::string& prefix, int64_t rows, int64_t cols,
                                           const QuantizationConfig& quantization) {
  if (tensors->Has(prefix + ".weight_packed")) return OpenPacked(tensors, prefix, rows, cols, quantization);
  if (tensors->Has(prefix + ".qweight")) return OpenTransposed(tensors, prefix, rows, cols, quantization);
  if (tensors->Has(prefix + ".weight_scale")) return OpenInt8(tensors, prefix, rows, cols, quantization);
  return MakeDenseSource(tensors->TakeFloat(prefix + ".weight", {rows, cols}));
}

}  // namespace puna::engine
