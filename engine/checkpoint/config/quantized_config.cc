#include "engine/checkpoint/config/quantized_config.h"

#include <nlohmann/json.hpp>

#include "engine/checkpoint/config/config_json.h"

namespace puna::engine {
namespace {

using nlohmann::ordered_json;

ordered_json Weights(int bits) {
  ordered_json json = {{"num_bits", bits}, {"type", "int"}, {"symmetric", true}, {"dynamic", false}};
  json["strategy"] = bits == 4 ? "group" : "channel";
  if (bits == 4) json["group_size"] = 32;
  return json;
}

ordered_json Transforms(const QuantizedScheme& scheme) {
  ordered_json groups = ordered_json::object();
  if (scheme.online_hadamard_down_proj) {
    groups["R4"] = {{"type", "hadamard"},
                    {"apply", ordered_json::array({{{"targets", {"re:.*down_proj$"}}, {"location", "input"}}})}};
  }
  if (scheme.residual_rotation_seed) {
    groups["R1"] = {
        {"type", kResidualRotationType},
        {"seed", *scheme.residual_rotation_seed},
        {"apply", ordered_json::array({{{"targets", {"re:.*embed_tokens$"}}, {"location", "output"}},
                                       {{"targets", {"model.norm"}}, {"location", "input"}, {"inverse", true}}})}};
  }
  return groups;
}

}  // namespace

std::string QuantizedConfigJson(const ModelConfig& config, const QuantizedScheme& scheme) {
  ordered_json json = ToJson(config);
  ordered_json quantization = {
      {"quant_method", "compressed-tensors"},
      {"format", "int-quantized"},
      {"quantization_status", "compressed"},
      {"ignore", {"lm_head"}},
      {"config_groups",
       {{"group_0",
         {{"targets", {"Linear"}},
          {"weights", Weights(scheme.weight_bits)},
          {"input_activations",
           {{"num_bits", 8}, {"type", "int"}, {"symmetric", true}, {"strategy", "token"}, {"dynamic", true}}}}}}}};
  const ordered_json transforms = Transforms(scheme);
  if (!transforms.empty()) quantization["transform_config"] = {{"config_groups", transforms}};
  json["quantization_config"] = quantization;
  return json.dump(2) + "\n";
}

std::string GenerationConfigJson(const GenerationConfig& generation) { return ToJson(generation).dump(2) + "\n"; }

}  // namespace puna::engine
