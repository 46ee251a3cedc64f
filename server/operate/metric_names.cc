#include "server/operate/metric_names.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>

namespace puna::server {
namespace {

constexpr std::string_view kOurs = "puna:";

// What vLLM (0.11) calls the same.
constexpr std::string_view kOfVllm[] = {
    "num_requests_running",
    "num_requests_waiting",
    "kv_cache_usage_perc",
    "prefix_cache_queries_total",
    "prefix_cache_hits_total",
    "prompt_tokens_total",
    "generation_tokens_total",
    "request_success_total",
    "time_to_first_token_seconds",
    "inter_token_latency_seconds",
    "e2e_request_latency_seconds",
    "request_queue_time_seconds",
    "request_prefill_time_seconds",
    "request_decode_time_seconds",
    "request_prompt_tokens",
    "request_generation_tokens",
    "iteration_tokens_total",
    "num_preemptions_total",
    "spec_decode_num_draft_tokens_total",
    "spec_decode_num_accepted_tokens_total",
    "spec_decode_num_accepted_tokens_per_pos_total",
    "cache_config_info",
};

// Older names of the same figures, which boards still ask for.
struct Alias {
  std::string_view name, older;
};
constexpr Alias kOlder[] = {
    {"kv_cache_usage_perc", "gpu_cache_usage_perc"},
    {"inter_token_latency_seconds", "time_per_output_token_seconds"},
};

std::string_view WithoutPrefix(std::string_view name) {
  return name.substr(0, kOurs.size()) == kOurs ? name.substr(kOurs.size()) : std::string_view();
}

// A histogram is no total, whatever vLLM calls it.
std::string PlainName(std::string_view name, prometheus::MetricType type) {
  constexpr std::string_view kTotal = "_total";
  const bool ends_so = name.size() > kTotal.size() && name.substr(name.size() - kTotal.size()) == kTotal;
  if (type == prometheus::MetricType::Histogram && ends_so) name.remove_suffix(kTotal.size());
  return "puna_" + std::string(name);
}

void AddVllmLabels(const std::string& model_name, prometheus::MetricFamily& family) {
  for (prometheus::ClientMetric& metric : family.metric) {
    const Labels labels = {{"model_name", model_name}, {"engine", "0"}};
    metric.label.insert(metric.label.begin(), labels.begin(), labels.end());
  }
}

// What gateways read of it: the number of blocks under vLLM's name.
void NameBlocks(prometheus::MetricFamily& family) {
  for (prometheus::ClientMetric& metric : family.metric) {
    for (prometheus::ClientMetric::Label& label : metric.label) {
      if (label.name == "num_blocks") label.name = "num_gpu_blocks";
    }
  }
}

std::optional<prometheus::MetricFamily> OlderNameOf(const prometheus::MetricFamily& family, std::string_view name) {
  const auto alias =
      std::find_if(std::begin(kOlder), std::end(kOlder), [name](const Alias& a) { return a.name == name; });
  if (alias == std::end(kOlder)) return std::nullopt;
  prometheus::MetricFamily older = family;
  older.name = "vllm:" + std::string(alias->older);
  return older;
}

}  // namespace

MetricNames MetricNamesOf(const std::string& option) {
  return option == "vllm" ? MetricNames::kVllm : MetricNames::kPrometheus;
}

void Rename(MetricNames names, const std::string& model_name, MetricFamilies& families) {
  MetricFamilies older;
  for (prometheus::MetricFamily& family : families) {
    const std::string name(WithoutPrefix(family.name));
    if (name.empty()) continue;  // process_..., whose names are Prometheus' own
    const bool of_vllm = std::find(std::begin(kOfVllm), std::end(kOfVllm), name) != std::end(kOfVllm);
    if (names != MetricNames::kVllm || !of_vllm) {
      family.name = PlainName(name, family.type);
      continue;
    }
    family.name = "vllm:" + name;
    AddVllmLabels(model_name, family);
    if (name == "cache_config_info") NameBlocks(family);
    if (auto alias = OlderNameOf(family, name)) older.push_back(*std::move(alias));
  }
  for (prometheus::MetricFamily& family : older) families.push_back(std::move(family));
  if (names != MetricNames::kVllm || model_name.empty()) return;
  families.push_back(GaugeFamily("vllm:lora_requests_info", "Adapters that requests use: there are none here.", 0,
                                 {{"max_lora", "0"}, {"running_lora_adapters", ""}, {"waiting_lora_adapters", ""}}));
}

}  // namespace puna::server
