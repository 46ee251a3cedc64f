#include "engine/checkpoint/config/quantization_config.h"

#include <string>
#include <vector>

#include "engine/checkpoint/config/quantized_config.h"
#include "engine/checkpoint/files/json_object.h"

namespace puna::engine {
namespace {

using Method = QuantizationConfig::Method;

constexpr char kSupported[] =
    "use bf16 weights, compressed-tensors W8A8, W4A16 or W4A8 (int), or GPTQ or AWQ with 4 bits";
constexpr int64_t kMaxGroup = 1 << 20;

void SetBits(const JsonObject& weights, int bits, int* slot) {
  if (*slot != 0 && *slot != bits) {
    weights.Refuse("num_bits", std::to_string(*slot) + ", as in the other groups with this strategy",
                   "mixed widths within one strategy are not supported");
  }
  *slot = bits;
}

void ReadGroup(const JsonObject& group, QuantizationConfig* out) {
  const JsonObject weights = group.Object("weights");
  if (weights.String("type", "int") != "int") weights.Refuse("type", "\"int\"", kSupported);
  const auto bits = static_cast<int>(weights.Int("num_bits", 1, 16));
  if (bits != 4 && bits != 8) weights.Refuse("num_bits", "4 or 8", kSupported);
  const std::string strategy = weights.String("strategy", "channel");
  if (strategy == "group") {
    SetBits(weights, bits, &out->grouped_bits);
  } else if (strategy == "channel" || strategy == "tensor") {
    SetBits(weights, bits, &out->per_row_bits);
  } else {
    weights.Refuse("strategy", "\"channel\", \"group\" or \"tensor\"", kSupported);
  }
  if (!group.Has("input_activations")) return;
  // Static scales are not needed: we compute each token's own, which is at least as exact.
  const JsonObject activations = group.Object("input_activations");
  if (activations.String("type", "int") != "int") activations.Refuse("type", "\"int\"", kSupported);
  if (activations.Int("num_bits", 1, 16, 8) != 8) activations.Refuse("num_bits", "8", kSupported);
  if (!activations.Bool("symmetric", true)) out->asymmetric_activations = true;
}

// Transforms of weights are folded in already. Of those of activations we know one: a Hadamard before down_proj.
void ReadApplication(const JsonObject& apply, bool plain_hadamard, QuantizationConfig* out) {
  const std::string location = apply.String("location");
  if (location.starts_with("weight")) return;
  const std::vector<std::string> targets = apply.Strings("targets");
  const bool down_proj = targets.size() == 1 && targets[0].find("down_proj") != std::string::npos;
  if (location != "input" || !down_proj || !plain_hadamard) {
    apply.Refuse("location", "an online transform only as a whole \"hadamard\" of down_proj's input",
                 "other online rotations are not supported");
  }
  out->online_hadamard_down_proj = true;
}

void ReadTransforms(const JsonObject& quantization, QuantizationConfig* out) {
  if (!quantization.Has("transform_config")) return;
  const JsonObject transforms = quantization.Object("transform_config");
  if (!transforms.Has("config_groups")) return;
  const JsonObject groups = transforms.Object("config_groups");
  for (const std::string& key : groups.Keys()) {
    const JsonObject scheme = groups.Object(key);
    if (scheme.String("type", "") == kResidualRotationType) {
      out->residual_rotation_seed = static_cast<uint64_t>(scheme.Int("seed", 0, INT64_MAX));
      continue;
    }
    const bool plain = scheme.String("type", "") == "hadamard" && !scheme.Has("head_dim");
    for (const JsonObject& apply : scheme.Objects("apply")) ReadApplication(apply, plain, out);
  }
}

void ReadCompressedTensors(const JsonObject& quantization, QuantizationConfig* out) {
  out->method = Method::kCompressedTensors;
  const std::string format = quantization.String("format");
  if (format != "int-quantized" && format != "pack-quantized" && format != "naive-quantized") {
    quantization.Refuse("format", "\"int-quantized\" or \"pack-quantized\"", kSupported);
  }
  const JsonObject groups = quantization.Object("config_groups");
  for (const std::string& key : groups.Keys()) ReadGroup(groups.Object(key), out);
  ReadTransforms(quantization, out);
}

void ReadPacked4(const JsonObject& quantization, QuantizationConfig* out) {
  if (quantization.Int("bits", 1, 16) != 4) quantization.Refuse("bits", "4", kSupported);
  const int64_t group = quantization.Int("group_size", -1, kMaxGroup, -1);
  out->group_size = group <= 0 ? 0 : group;
}

}  // namespace

QuantizationConfig ParseQuantizationConfig(const JsonObject& config) {
  QuantizationConfig out;
  if (!config.Has("quantization_config")) return out;
  const JsonObject quantization = config.Object("quantization_config");
  const std::string method = quantization.String("quant_method");
  if (method == "compressed-tensors") {
    ReadCompressedTensors(quantization, &out);
  } else if (method == "gptq") {
    out.method = Method::kGptq;
    ReadPacked4(quantization, &out);
    const std::string format = quantization.String("checkpoint_format", "gptq");
    if (format != "gptq" && format != "gptq_v2") {
      quantization.Refuse("checkpoint_format", "\"gptq\" or \"gptq_v2\"", kSupported);
    }
    out.gptq_zero_minus_one = format == "gptq";
  } else if (method == "awq") {
    out.method = Method::kAwq;
    ReadPacked4(quantization, &out);
    if (quantization.String("version", "gemm") != "gemm" && quantization.String("version") != "GEMM") {
      quantization.Refuse("version", "\"gemm\"", kSupported);
    }
  } else {
    quantization.Refuse("quant_method", "\"compressed-tensors\", \"gptq\" or \"awq\"", kSupported);
  }
  return out;
}

}  // namespace puna::engine
