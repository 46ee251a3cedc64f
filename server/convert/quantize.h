// puna quantize: from a model in bf16 to one in 8 or 4 bits, with a report of what that cost.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "config/option.h"
#include "engine/quantize/quantize_checkpoint.h"
#include "server/convert/quality.h"

namespace puna::server {

struct QuantizeCommand {
  std::string model;  // empty: the demo model
  std::string out;
  std::string scheme = "w4a8";
  std::string rotations = "auto";  // auto, none, or some of r1,r2,r4
  std::string calibration;         // file; empty: rounding to nearest
  int64_t calibration_tokens = 32768;
  std::string report_text;  // file; empty: no perplexity
  int64_t report_tokens = 8192;
  bool pack = true;
  int threads = 0;
  std::string isa = "auto";
};

// The options of the engine for this command. Throws std::runtime_error for rotations that do not
// exist.
engine::QuantizeOptions MakeQuantizeOptions(const QuantizeCommand& command);

// Loads both models and compares them on the command's report_text, the reference in bf16.
Quality MeasureQuality(const engine::Checkpoint& reference, const engine::Checkpoint& candidate,
                       const std::vector<std::vector<engine::TokenId>>& sequences, const QuantizeCommand& command,
                       const std::function<void(double)>& progress);

// quantization_report.json: per layer and linear the relative errors, and the quality when it was
// measured.
std::string ReportJson(const QuantizeCommand& command, const engine::QuantizeResult& result,
                       const std::optional<Quality>& quality);

const config::OptionTable<QuantizeCommand>& QuantizeTable();

// Gives the exit status. Throws ConfigError and std::runtime_error.
int RunQuantize(std::span<const std::string> arguments);

}  // namespace puna::server
