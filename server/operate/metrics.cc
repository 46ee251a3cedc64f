#include "server/operate/metrics.h"

#include <prometheus/text_serializer.h>

#include <sstream>

#include "server/host/version.h"
#include "server/operate/metric_families.h"

namespace puna::server {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "clang " __clang_version__;
#else
constexpr const char* kCompiler = "gcc " __VERSION__;
#endif

}  // namespace

Metrics::Metrics(MetricNames names)
    : names_(names),
      requests_(prometheus::BuildCounter()
                    .Name("puna:http_requests_total")
                    .Help("HTTP requests that were answered, by endpoint and status.")
                    .Register(registry_)) {}

void Metrics::CountRequest(const AccessLine& line) {
  requests_
      .Add({{"endpoint", line.endpoint.empty() ? "unknown" : line.endpoint}, {"status", std::to_string(line.status)}})
      .Increment();
}

void Metrics::Watch(const std::string& name, const std::string& help, bool counter, std::function<double()> value) {
  watched_.push_back({name, help, counter, std::move(value)});
}

std::string Metrics::Text(const Vitals& vitals) {
  MetricFamilies families;
  const Vitals::Report report = vitals.Ask();
  families.push_back(
      GaugeFamily("puna:build_info", "The program.", 1, {{"version", Version()}, {"compiler", kCompiler}}));
  families.push_back(GaugeFamily("puna:live", "1 unless the engine hangs.", report.live));
  families.push_back(GaugeFamily("puna:ready", "1 when requests are taken.", report.ready));
  families.push_back(GaugeFamily("puna:model_loaded_ratio", "Share of the model that is loaded.", report.loaded));
  if (report.stats) {
    AddEngineFamilies(*report.stats, families);
    AddEnergyFamilies(*report.stats, vitals.service()->energy, families);
    AddModelFamilies(*vitals.service(), families);
  }
  for (const Watched& watched : watched_) {
    families.push_back(
        (watched.counter ? CounterFamily : GaugeFamily)(watched.name, watched.help, watched.value(), {}));
  }
  if (keys_) AddKeyFamilies(keys_(), families);
  AddProcessFamilies(families);
  for (prometheus::MetricFamily& family : registry_.Collect()) families.push_back(std::move(family));
  Rename(names_, vitals.service() != nullptr ? vitals.service()->model_name : "", families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace puna::server
