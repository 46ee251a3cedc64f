// Families of metrics from plain numbers.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "engine/histogram.h"
#include "engine/stats.h"
#include "server/generate/service.h"
#include "server/http/key_account.h"

namespace puna::server {

using MetricFamilies = std::vector<prometheus::MetricFamily>;
using Labels = std::vector<prometheus::ClientMetric::Label>;

prometheus::MetricFamily GaugeFamily(const std::string& name, const std::string& help, double value,
                                     Labels labels = {});
prometheus::MetricFamily CounterFamily(const std::string& name, const std::string& help, double value,
                                       Labels labels = {});
// One more value of a family of gauges or counters.
void AddValue(double value, Labels labels, prometheus::MetricFamily& family);

template <const auto& kBounds>
prometheus::MetricFamily HistogramFamily(const std::string& name, const std::string& help,
                                         const engine::Histogram<kBounds>& histogram) {
  prometheus::MetricFamily family{name, help, prometheus::MetricType::Histogram, {{}}};
  prometheus::ClientMetric::Histogram& out = family.metric[0].histogram;
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    out.sample_count += histogram.counts[i];
    if (i < kBounds.size()) out.bucket.push_back({out.sample_count, kBounds[i]});
  }
  out.sample_sum = histogram.sum;
  return family;
}

// puna:..., of the engine and the model.
void AddEngineFamilies(const engine::EngineStats& stats, MetricFamilies& families);
// `stats` of the engine of `service`.
void AddEnergyFamilies(const engine::EngineStats& stats, const EnergyTerms& terms, MetricFamilies& families);
void AddModelFamilies(const Service& service, MetricFamilies& families);
// puna:key_..., of keys by name; nothing without keys.
void AddKeyFamilies(const std::vector<KeyUsage>& keys, MetricFamilies& families);
// process_..., as Prometheus' own clients name them, from /proc.
void AddProcessFamilies(MetricFamilies& families);

}  // namespace puna::server
