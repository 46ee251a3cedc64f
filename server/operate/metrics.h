// What /metrics says, in Prometheus' text format, with vLLM's names behind puna_, or as they are (metric_names.h).
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/registry.h>

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "server/http/access_log.h"
#include "server/http/key_account.h"
#include "server/operate/metric_names.h"
#include "server/operate/vitals.h"

namespace puna::server {

class Metrics {
 public:
  explicit Metrics(MetricNames names = MetricNames::kPrometheus);

  // Counts an answered request; from any thread. Paths that nobody answers are counted as one.
  void CountRequest(const AccessLine& line);
  // A number that is asked for with each scrape, as a gauge or a counter. Before others ask for
  // Text.
  void Watch(const std::string& name, const std::string& help, bool counter, std::function<double()> value);

  // What is known of each key, asked for with each scrape. Before others ask for Text.
  void WatchKeys(std::function<std::vector<KeyUsage>()> usage) { keys_ = std::move(usage); }

  // The whole page, with the engine's counters once it is there.
  std::string Text(const Vitals& vitals);

 private:
  struct Watched {
    std::string name, help;
    bool counter;
    std::function<double()> value;
  };

  const MetricNames names_;
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& requests_;
  std::vector<Watched> watched_;
  std::function<std::vector<KeyUsage>()> keys_;
};

}  // namespace puna::server
