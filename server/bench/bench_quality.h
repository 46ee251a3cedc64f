// puna bench quality: what each weight format, rotation and way of rounding costs a model, as a
// table.
#pragma once

#include <string>

#include "config/option.h"
#include "server/convert/quantize.h"

namespace puna::server {

struct QualityBenchOptions {
  QuantizeCommand command;  // model, calibration, report_text and their sizes
  double outliers = 16;     // factor of the planted ones; 1: none are measured
  bool json = false;
};

extern const char kQualityBenchText[];  // for --help
const config::OptionTable<QualityBenchOptions>& QualityBenchTable();
int RunQualityBench(QualityBenchOptions options);

}  // namespace puna::server
