// puna bench quality: what each weight format, rotation and way of rounding costs a model, as a
// table.
#pragma once

#include <string>

#include "server/convert/quantize.h"

namespace CLI {
class App;
}

namespace puna::server {

struct QualityBenchOptions {
  QuantizeCommand command;  // model, calibration, report_text and their sizes
  double outliers = 16;     // factor of the planted ones; 1: none are measured
  bool json = false;
};

CLI::App* AddQualityBench(CLI::App& bench, QualityBenchOptions& options);
int RunQualityBench(const QualityBenchOptions& options);

}  // namespace puna::server
