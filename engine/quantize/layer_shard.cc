#include "engine/quantize/layer_shard.h"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "engine/base/float16.h"
#include "engine/checkpoint/files/safetensors.h"
#include "engine/checkpoint/files/safetensors_writer.h"

namespace puna::engine {
namespace {

constexpr char kSettings[] = "puna_quantize_settings";
constexpr char kErrors[] = "puna_quantize_errors";

std::string Prefix(int layer) { return "model.layers." + std::to_string(layer) + "."; }

std::string ErrorsText(const LayerErrors& errors) {
  std::ostringstream out;
  for (const LinearError& error : errors) out << error.weights << ' ' << error.outputs.value_or(-1) << ' ';
  return out.str();
}

LayerErrors ParseErrors(const std::string& text) {
  std::istringstream in(text);
  LayerErrors errors;
  for (LinearError& error : errors) {
    double outputs = -1;
    in >> error.weights >> outputs;
    if (outputs >= 0) error.outputs = outputs;
  }
  return errors;
}

std::vector<uint16_t> Halves(const std::vector<float>& values) {
  std::vector<uint16_t> out;
  out.reserve(values.size());
  for (const float x : values) out.push_back(FloatToHalf(x));
  return out;
}

RoundedMatrix TakeMatrix(TensorSet& tensors, const std::string& prefix, Bits bits) {
  const Tensor& codes = tensors.Take(prefix + ".weight");
  const Tensor& scales = tensors.Take(prefix + ".weight_scale");
  CheckDType(codes, DType::kI8);
  if (codes.shape.size() != 2) CheckShape(codes, {0, 0});
  RoundedMatrix w{.bits = bits, .rows = codes.shape[0], .cols = codes.shape[1], .group = 0, .codes = {}, .scales = {}};
  w.group = bits == Bits::kInt4 ? kInt4Group : w.cols;
  CheckShape(scales, {w.rows, w.cols / w.group});
  w.codes.resize(codes.bytes.size());
  std::memcpy(w.codes.data(), codes.bytes.data(), codes.bytes.size());
  w.scales.resize(static_cast<size_t>(w.rows * (w.cols / w.group)));
  ReadFloats(scales, 0, static_cast<int64_t>(w.scales.size()), w.scales.data());
  return w;
}

std::vector<float> TakeNorm(TensorSet& tensors, const std::string& name) {
  const Tensor& tensor = tensors.Take(name);
  std::vector<float> values(static_cast<size_t>(ElementCount(tensor.shape)));
  CheckWeightFloat(tensor);
  ReadFloats(tensor, 0, static_cast<int64_t>(values.size()), values.data());
  return values;
}

}  // namespace

FloatTensor ToFloatTensor(const std::vector<float>& values) {
  FloatTensor out;
  std::vector<bf16> narrow;
  narrow.reserve(values.size());
  for (const float x : values) {
    narrow.push_back(ToBf16(x));
    out.exact_bf16 = out.exact_bf16 && ToFloat(narrow.back()) == x;
  }
  const void* data = out.exact_bf16 ? static_cast<const void*>(narrow.data()) : values.data();
  out.bytes.assign(static_cast<const char*>(data), values.size() * (out.exact_bf16 ? sizeof(bf16) : sizeof(float)));
  return out;
}

ShardContents WriteLayerShard(const std::string& path, int layer, const RoundedLayer& rounded,
                              const LayerErrors& errors, const std::string& settings) {
  const FloatTensor norms[2] = {ToFloatTensor(rounded.input_layernorm),
                                ToFloatTensor(rounded.post_attention_layernorm)};
  std::vector<TensorToWrite> tensors;
  const char* norm_names[2] = {"input_layernorm.weight", "post_attention_layernorm.weight"};
  for (int i = 0; i < 2; ++i) {
    const auto size = static_cast<int64_t>(rounded.input_layernorm.size());
    tensors.push_back({Prefix(layer) + norm_names[i],
                       norms[i].exact_bf16 ? DType::kBf16 : DType::kF32,
                       {size},
                       std::as_bytes(std::span(norms[i].bytes))});
  }
  std::array<std::vector<uint16_t>, kLinears> halves;
  for (size_t i = 0; i < kLinears; ++i) {
    const RoundedMatrix& w = rounded.linears[i];
    const std::string prefix = Prefix(layer) + kLinearNames[i].name;
    tensors.push_back({prefix + ".weight", DType::kI8, {w.rows, w.cols}, std::as_bytes(std::span(w.codes))});
    const std::vector<int64_t> shape = {w.rows, w.cols / w.group};
    if (w.bits == Bits::kInt4) {
      halves[i] = Halves(w.scales);
      tensors.push_back({prefix + ".weight_scale", DType::kF16, shape, std::as_bytes(std::span(halves[i]))});
    } else {
      tensors.push_back({prefix + ".weight_scale", DType::kF32, shape, std::as_bytes(std::span(w.scales))});
    }
  }
  WriteSafetensors(path, tensors, {{"format", "pt"}, {kSettings, settings}, {kErrors, ErrorsText(errors)}});
  ShardContents contents;
  for (const TensorToWrite& tensor : tensors) {
    contents.names.push_back(tensor.name);
    contents.bytes += static_cast<int64_t>(tensor.bytes.size());
  }
  return contents;
}

std::optional<LayerShard> ReadLayerShard(const std::string& path, int layer, Bits bits, const std::string& settings) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  const auto file = MappedFile::Open(path);
  auto metadata = ReadSafetensorsMetadata(file);
  if (metadata[kSettings] != settings) {
    throw std::runtime_error(path + ": expected a layer quantised with these settings (" + settings + "), found " +
                             (metadata[kSettings].empty() ? "another file" : metadata[kSettings]) +
                             "; write to another folder or delete this one");
  }
  TensorSet tensors(path);
  LayerShard shard;
  for (Tensor& tensor : ReadSafetensors(file)) {
    shard.contents.names.push_back(tensor.name);
    shard.contents.bytes += static_cast<int64_t>(tensor.bytes.size());
    tensors.Add(std::move(tensor));
  }
  shard.errors = ParseErrors(metadata[kErrors]);
  shard.layer.input_layernorm = TakeNorm(tensors, Prefix(layer) + "input_layernorm.weight");
  shard.layer.post_attention_layernorm = TakeNorm(tensors, Prefix(layer) + "post_attention_layernorm.weight");
  for (size_t i = 0; i < kLinears; ++i) {
    shard.layer.linears[i] = TakeMatrix(tensors, Prefix(layer) + kLinearNames[i].name, bits);
  }
  return shard;
}

}  // namespace puna::engine
