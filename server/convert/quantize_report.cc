#include <nlohmann/json.hpp>

#include "server/convert/quantize.h"

namespace puna::server {

std::string ReportJson(const QuantizeCommand& command, const engine::QuantizeResult& result,
                       const std::optional<Quality>& quality) {
  using Json = nlohmann::ordered_json;
  Json json = {{"model", command.model}, {"scheme", command.scheme}, {"rotations", command.rotations}};
  if (!command.calibration.empty()) {
    json["calibration"] = {{"text", command.calibration}, {"tokens_at_most", command.calibration_tokens}};
  }
  json["layers"] = Json::array();
  for (const engine::LayerErrors& errors : result.layers) {
    Json layer = Json::object();
    for (size_t i = 0; i < errors.size(); ++i) {
      Json& linear = layer[engine::kLinearNames[i].name];
      linear["relative_weight_error"] = errors[i].weights;
      if (errors[i].outputs) linear["relative_output_error"] = *errors[i].outputs;
    }
    json["layers"].push_back(layer);
  }
  if (quality) {
    json["quality"] = {{"text", command.report_text},
                       {"tokens", quality->tokens},
                       {"bf16_perplexity", quality->reference_perplexity},
                       {"perplexity", quality->perplexity},
                       {"mean_kl_nats", quality->mean_kl},
                       {"top1_agreement", quality->top1_agreement}};
  }
  return json.dump(2) + "\n";
}

}  // namespace puna::server
