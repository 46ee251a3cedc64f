// Under which names metrics are served. In the code they are called puna:NAME, NAME being vLLM's where it has the same figure.
#pragma once

#include <string>

#include "server/operate/metric_families.h"

namespace puna::server {

enum class MetricNames {
  kPrometheus,  // puna_NAME, as Prometheus' naming rules want it
  kVllm,        // vllm:NAME with vLLM's labels where vLLM has the figure, for its dashboards and for inference gateways
};

MetricNames MetricNamesOf(const std::string& option);  // puna or vllm

// Renames all. model_name: that of the label; empty before a model is there.
void Rename(MetricNames names, const std::string& model_name, MetricFamilies& families);

}  // namespace puna::server
