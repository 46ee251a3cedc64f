#include "server/bench/traffic_report.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace puna::server {
namespace {

TrafficSample Sample(const char* kind, double sent, std::vector<double> chunks, double end) {
  TrafficSample sample;
  sample.kind = kind;
  sample.sent_s = sent;
  sample.chunk_s = std::move(chunks);
  sample.end_s = end;
  sample.status = 200;
  sample.output_tokens = static_cast<int>(sample.chunk_s.size());
  return sample;
}

TEST_CASE("percentiles are values, by nearest rank") {
  std::vector<double> values;
  for (int i = 200; i >= 1; --i) values.push_back(i);
  const Percentiles p = PercentilesOf(values);
  CHECK(p.count == 200);
  CHECK(p.p50 == 100);
  CHECK(p.p90 == 180);
  CHECK(p.p99 == 198);
  CHECK(p.max == 200);
  const Percentiles one = PercentilesOf({7});
  CHECK(one.p50 == 7);
  CHECK(one.p99 == 7);
  CHECK(PercentilesOf({}).count == 0);
}

TEST_CASE("times, throughput and cache of what was answered; errors by their kind") {
  TrafficSample first = Sample("agent", 1, {1.5, 1.6, 1.9}, 2);
  first.output_tokens = 5;  // pieces of several tokens
  first.output_counted = false;
  first.prompt_tokens = 100;
  first.cached_tokens = 75;
  const TrafficSample second = Sample("agent", 2, {2.25}, 3);  // says nothing of its cache
  TrafficSample full = Sample("agent", 0, {}, 9);
  full.status = 429;
  full.error = "HTTP 429";
  full.error_detail = "queue full";
  const TrafficReport report = ReportTraffic({full, first, second, full}, 6, 8);
  CHECK(report.planned == 6);
  CHECK(report.sent == 4);
  CHECK(report.answered == 2);
  CHECK(report.failed == 2);
  CHECK(report.errors.at("HTTP 429").count == 2);
  CHECK(report.errors.at("HTTP 429").example == "queue full");
  CHECK(report.seconds == doctest::Approx(2));
  CHECK(report.output_tokens == 6);
  CHECK(report.output_counted);
  CHECK(report.output_tokens_per_s == doctest::Approx(3));
  CHECK(report.requests_per_s == doctest::Approx(1));
  CHECK(report.first_token.p50 == doctest::Approx(250));
  CHECK(report.first_token.max == doctest::Approx(500));
  CHECK(report.gap.count == 2);
  CHECK(report.gap.max == doctest::Approx(300));
  CHECK(report.per_output_token.count == 1);
  CHECK(report.per_output_token.max == doctest::Approx(100));
  CHECK(report.whole_answer.max == doctest::Approx(1000));
  CHECK(report.cache_reported);
  CHECK(report.prompt_tokens == 100);
  CHECK(report.cached_tokens == 75);
  CHECK_FALSE(report.long_prompt);
}

TEST_CASE("a long prompt: its first token, and what it does to those beside it") {
  const std::vector<TrafficSample> samples = {
      Sample("long alone", 0, {2}, 2.5),
      // Gaps of 0.1 s in the quiet, then one of 0.7 s that ends with the long one's first token.
      Sample("short", 3, {3.1, 3.2, 3.3, 4.0, 4.1}, 4.1),
      Sample("short", 3, {3.15, 3.25, 3.35, 4.01}, 4.1),
      Sample("long", 3.4, {3.99}, 4.1),
  };
  const TrafficReport report = ReportTraffic(samples, 4, 2);
  REQUIRE(report.long_prompt);
  CHECK(*report.long_prompt->first_token_alone_ms == doctest::Approx(2000));
  CHECK(*report.long_prompt->first_token_among_ms == doctest::Approx(590));
  CHECK(report.long_prompt->gap_quiet_ms.count == 3);
  CHECK(report.long_prompt->gap_quiet_ms.max == doctest::Approx(100));
  CHECK(report.long_prompt->gap_beside_ms.count == 2);
  CHECK(report.long_prompt->gap_beside_ms.max == doctest::Approx(700));
  CHECK(report.first_token.count == 2);  // of the short ones
  CHECK(report.seconds == doctest::Approx(1.1));
}

TEST_CASE("the chart has a row for each range, and its fullest row is as wide as allowed") {
  CHECK(Chart({}, 10).empty());
  CHECK(Chart({5, 5, 5}, 4).find("████ 3\n") != std::string::npos);
  const std::string chart = Chart({1, 1, 1, 1, 100, 100, 256}, 4);
  CHECK(std::count(chart.begin(), chart.end(), '\n') == 8);
  CHECK(chart.find("       2.0 ms ████ 4\n") == 0);
  CHECK(chart.find("     128.0 ms ██ 2\n") != std::string::npos);
  CHECK(chart.find("     256.0 ms █ 1\n") != std::string::npos);
  CHECK(chart.find("       4.0 ms \n") != std::string::npos);
}

}  // namespace
}  // namespace puna::server
