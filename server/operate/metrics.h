// What /metrics says, in Prometheus' text format and with vLLM's names under puna:, so that boards
// made for it can be used.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/registry.h>

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "server/http/access_log.h"
#include "server/operate/vitals.h"

namespace puna::server {

class Metrics {
 public:
  Metrics();

  // Counts an answered request; from any thread. Paths that nobody answers are counted as one.
  void CountRequest(const AccessLine& line);
  // A number that is asked for with each scrape, as a gauge or a counter. Before others ask for
  // Text.
  void Watch(const std::string& name, const std::string& help, bool counter, std::function<double()> value);

  // The whole page, with the engine's counters once it is there.
  std::string Text(const Vitals& vitals);

 private:
  struct Watched {
    std::string name, help;
    bool counter;
    std::function<double()> value;
  };

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& requests_;
  std::vector<Watched> watched_;
};

}  // namespace puna::server
