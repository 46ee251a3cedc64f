// What a replayed load says of a server, in figures.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/bench/traffic_sample.h"

namespace puna::server {

struct Percentiles {
  size_t count = 0;  // 0: the others mean nothing
  double p50 = 0, p90 = 0, p99 = 0, max = 0;
};

Percentiles PercentilesOf(const std::vector<double>& values);

// A long prompt beside short streams. Times in milliseconds.
struct LongFigures {
  std::optional<double> first_token_alone_ms;
  std::optional<double> first_token_among_ms;
  Percentiles gap_quiet_ms;   // of the short streams, once all run and before the long prompt
  Percentiles gap_beside_ms;  // of the short streams, from the long prompt to its first token
};

struct ErrorCount {
  int count = 0;
  std::string example;  // the first one's words
};

// Of the requests that were answered whole. In the scenario long, percentiles are those of the
// short streams, and the long prompt that was alone belongs to LongFigures only.
struct TrafficReport {
  int planned = 0, sent = 0, answered = 0, failed = 0;
  std::map<std::string, ErrorCount> errors;
  double seconds = 0;                                            // from the first request to the last answer
  std::vector<double> first_token_ms;                            // of each request: the chart's values
  Percentiles first_token, gap, per_output_token, whole_answer;  // milliseconds
  int64_t output_tokens = 0;
  bool output_counted = false;  // of some answers the pieces were counted: no usage was sent
  int64_t prompt_tokens = 0;    // of those requests whose usage says both
  int64_t cached_tokens = 0;
  bool cache_reported = false;
  double output_tokens_per_s = 0, requests_per_s = 0;
  std::optional<LongFigures> long_prompt;
};

// `planned` requests, of which `samples` were sent, at most `parallel` streams at once.
TrafficReport ReportTraffic(const std::vector<TrafficSample>& samples, int planned, int parallel);

// A horizontal histogram of milliseconds, bars of at most `width` columns; empty without values.
std::string Chart(const std::vector<double>& values_ms, int width);

}  // namespace puna::server
