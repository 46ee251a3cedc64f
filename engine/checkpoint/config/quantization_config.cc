#include "engine/checkpoint/config/quantization_config.h"

#include <algorithm>
#include <vector>

#include "engine/checkpoint/config/quantized_config.h"
#include "engine/checkpoint/files/json_object.h"

namespace puna::engine {
namespace {

using Method = QuantizationConfig::Method;

constexpr char kSupported[] = "use bf16 weights, or compressed-tensors, GPTQ, AWQ or FP8 without it";
constexpr int64_t kMaxGroup = 1 << 20;

bool Contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

void ReadBlock(const JsonObject& json, const std::string& key, QuantizationConfig* out) {
  const std::vector<int64_t> sizes = json.Ints(key, 1, kMaxGroup);
  if (sizes.size() != 2) json.Refuse(key, "two sizes, rows and columns");
  out->block_rows = sizes[0];
  out->block_cols = sizes[1];
}

// Of two widths with one strategy the wider holds the codes of both.
void ReadGroup(const JsonObject& group, QuantizationConfig* out) {
  if (!group.Has("weights")) return;
  const JsonObject weights = group.Object("weights");
  const std::string strategy = weights.String("strategy", "channel");
  if (strategy == "block" && weights.IsList("block_structure")) ReadBlock(weights, "block_structure", out);
  if (weights.String("type", "int") == "int") {
    const int bits = weights.Int("num_bits", 1, 16) <= 4 ? 4 : 8;
    int& slot = strategy == "group" ? out->grouped_bits : out->per_row_bits;
    slot = std::max(slot, bits);
  }
  if (!group.Has("input_activations")) return;
  // Static scales are not needed: we compute each token's own, which is at least as exact.
  const JsonObject activations = group.Object("input_activations");
  if (activations.String("type", "int") == "int" && !activations.Bool("symmetric", true))
    out->asymmetric_activations = true;
}

// Transforms of weights are folded in already. Of those of activations we know one: a Hadamard before down_proj.
void ReadApplication(const JsonObject& apply, bool plain_hadamard, QuantizationConfig* out) {
  const std::string location = apply.String("location");
  if (location.starts_with("weight")) return;
  const std::vector<std::string> targets = apply.Strings("targets");
  const bool down_proj = targets.size() == 1 && Contains(targets[0], "down_proj");
  if (location != "input" || !down_proj || !plain_hadamard) {
    apply.Refuse("location", "an online transform only as a whole \"hadamard\" of down_proj's input", kSupported);
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
  const std::string format = quantization.String("format", "dense");
  const std::vector<std::string> known = {"int-quantized", "pack-quantized",  "naive-quantized",
                                          "dense",         "float-quantized", "mixed-precision"};
  if (std::find(known.begin(), known.end(), format) == known.end()) {
    out->method = Method::kOther;
    out->foreign = "compressed-tensors' format \"" + format + "\"";
  }
  if (quantization.Has("config_groups")) {
    const JsonObject groups = quantization.Object("config_groups");
    for (const std::string& key : groups.Keys()) ReadGroup(groups.Object(key), out);
  }
  ReadTransforms(quantization, out);
}

void ReadGroupSize(const JsonObject& quantization, QuantizationConfig* out) {
  const char* key = quantization.Has("q_group_size") ? "q_group_size" : "group_size";
  out->group_size = std::max<int64_t>(0, quantization.Int(key, -1, kMaxGroup, -1));
}

void ReadGptq(const JsonObject& quantization, QuantizationConfig* out) {
  ReadGroupSize(quantization, out);
  const std::string format = quantization.String("checkpoint_format", "gptq");
  out->method = format == "gptq" || format == "gptq_v2" ? Method::kGptq : Method::kOther;
  if (out->method == Method::kOther) out->foreign = "GPTQ in the format \"" + format + "\"";
  out->gptq_zero_minus_one = format == "gptq";
}

void ReadAwq(const JsonObject& quantization, QuantizationConfig* out) {
  ReadGroupSize(quantization, out);
  std::string version = quantization.String("version", "gemm");
  std::transform(version.begin(), version.end(), version.begin(), [](unsigned char c) { return std::tolower(c); });
  out->method = version == "gemm" ? Method::kAwq : version == "gemv" ? Method::kAwqGemv : Method::kOther;
  if (out->method == Method::kOther) out->foreign = "AWQ in the layout \"" + version + "\"";
}

// AutoRound writes GPTQ's or AWQ's tensors, and says which.
void ReadAutoRound(const JsonObject& quantization, QuantizationConfig* out) {
  ReadGroupSize(quantization, out);
  const std::string packing = quantization.String("packing_format", "auto_round:auto_gptq");
  out->method = Contains(packing, "awq") ? Method::kAwq : Contains(packing, "gptq") ? Method::kGptq : Method::kOther;
  if (out->method == Method::kOther) out->foreign = "AutoRound in the packing \"" + packing + "\"";
  out->gptq_zero_minus_one = out->method == Method::kGptq;
}

void ReadMethod(const JsonObject& quantization, QuantizationConfig* out) {
  out->name = quantization.String("quant_method", "");
  if (out->name.empty() && quantization.Has("config_groups")) out->name = "compressed-tensors";  // older files
  if (out->name == "compressed-tensors" || out->name == "sparseml") {
    ReadCompressedTensors(quantization, out);
  } else if (out->name == "gptq") {
    ReadGptq(quantization, out);
  } else if (out->name == "awq") {
    ReadAwq(quantization, out);
  } else if (Contains(out->name, "auto-round")) {
    ReadAutoRound(quantization, out);
  } else if (!out->name.empty()) {
    out->method = Method::kOther;
    out->foreign = "quant_method \"" + out->name + "\"";
  }
  if (quantization.IsList("weight_block_size")) ReadBlock(quantization, "weight_block_size", out);
}

}  // namespace

QuantizationConfig ParseQuantizationConfig(const JsonObject& config) {
  QuantizationConfig out;
  for (const char* key : {"quantization_config", "compression_config"}) {
    if (!config.Has(key)) continue;
    ReadMethod(config.Object(key), &out);
    return out;
  }
  return out;
}

QuantizationConfig ParseQuantizeConfig(const JsonObject& config, const std::string& method) {
  QuantizationConfig out;
  out.name = method;
  method == "awq" ? ReadAwq(config, &out) : ReadGptq(config, &out);
  return out;
}

}  // namespace puna::engine
