#include "server/operate/metric_names.h"

#include <doctest/doctest.h>

#include <set>

namespace puna::server {
namespace {

MetricFamilies Families() {
  MetricFamilies families = {GaugeFamily("puna:num_requests_running", "Running.", 3),
                             GaugeFamily("puna:kv_cache_usage_perc", "Used.", 0.5),
                             CounterFamily("puna:http_requests_total", "Requests.", 7, {{"status", "200"}}),
                             GaugeFamily("puna:cache_config_info", "Sizes.", 1, {{"num_blocks", "9"}}),
                             GaugeFamily("process_open_fds", "Files.", 4)};
  families.push_back({"puna:iteration_tokens_total", "Tokens.", prometheus::MetricType::Histogram, {{}}});
  return families;
}

std::multiset<std::string> NamesOf(const MetricFamilies& families) {
  std::multiset<std::string> names;
  for (const auto& family : families) names.insert(family.name);
  return names;
}

TEST_CASE("Prometheus' names: no colon, and no total that is a histogram") {
  MetricFamilies families = Families();
  Rename(MetricNames::kPrometheus, "model", families);
  CHECK(NamesOf(families) == std::multiset<std::string>{"puna_num_requests_running", "puna_kv_cache_usage_perc",
                                                        "puna_http_requests_total", "puna_cache_config_info",
                                                        "process_open_fds", "puna_iteration_tokens"});
  CHECK(families[0].metric[0].label.empty());
}

TEST_CASE("vLLM's names with its labels where it has the figure, older ones beside them") {
  MetricFamilies families = Families();
  Rename(MetricNames::kVllm, "model", families);
  CHECK(NamesOf(families) == std::multiset<std::string>{"vllm:num_requests_running", "vllm:kv_cache_usage_perc",
                                                        "vllm:gpu_cache_usage_perc", "puna_http_requests_total",
                                                        "vllm:cache_config_info", "process_open_fds",
                                                        "vllm:iteration_tokens_total", "vllm:lora_requests_info"});
  const auto& labels = families[0].metric[0].label;
  REQUIRE(labels.size() == 2);
  CHECK(labels[0].name == "model_name");
  CHECK(labels[0].value == "model");
  CHECK(families[0].metric[0].gauge.value == 3);
  CHECK(families[3].metric[0].label.back().name == "num_gpu_blocks");
}

}  // namespace
}  // namespace puna::server
