#include "server/bench/traffic_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/base/percentile.h"

namespace puna::server {
namespace {

constexpr int kChartRows = 8;

double FirstTokenMs(const TrafficSample& s) { return (s.chunk_s.front() - s.sent_s) * 1000; }

bool Answered(const TrafficSample& s) { return s.error.empty() && !s.chunk_s.empty(); }

const TrafficSample* FindAnswered(const std::vector<TrafficSample>& samples, const char* kind) {
  const auto found = std::find_if(samples.begin(), samples.end(),
                                  [&](const TrafficSample& s) { return s.kind == kind && Answered(s); });
  return found == samples.end() ? nullptr : &*found;
}

// The gaps of the short streams for which `counts` says so, of when they begin and end.
template <typename Predicate>
Percentiles ShortGaps(const std::vector<TrafficSample>& samples, Predicate counts) {
  std::vector<double> gaps;
  for (const TrafficSample& s : samples) {
    if (s.kind != "short") continue;
    for (size_t i = 1; i < s.chunk_s.size(); ++i) {
      if (counts(s.chunk_s[i - 1], s.chunk_s[i])) gaps.push_back((s.chunk_s[i] - s.chunk_s[i - 1]) * 1000);
    }
  }
  return PercentilesOf(gaps);
}

// When the last of the first `parallel` short streams had its first token.
double AllRunning(const std::vector<TrafficSample>& samples, int parallel) {
  std::vector<double> first;
  for (const TrafficSample& s : samples)
    if (s.kind == "short" && !s.chunk_s.empty()) first.push_back(s.chunk_s.front());
  std::sort(first.begin(), first.end());
  const size_t last = std::min(first.size(), static_cast<size_t>(std::max(parallel, 1)));
  return last == 0 ? 0 : first[last - 1];
}

std::optional<LongFigures> LongOf(const std::vector<TrafficSample>& samples, int parallel) {
  const TrafficSample* alone = FindAnswered(samples, "long alone");
  const TrafficSample* among = FindAnswered(samples, "long");
  if (alone == nullptr && among == nullptr) return std::nullopt;
  LongFigures figures;
  if (alone != nullptr) figures.first_token_alone_ms = FirstTokenMs(*alone);
  if (among == nullptr) return figures;
  figures.first_token_among_ms = FirstTokenMs(*among);
  const double running = AllRunning(samples, parallel);
  const double sent = among->sent_s, first_token = among->chunk_s.front();
  figures.gap_quiet_ms = ShortGaps(samples, [&](double begin, double end) { return begin >= running && end <= sent; });
  // Also those that the window only touches: the step that ends the prompt ends them too.
  figures.gap_beside_ms =
      ShortGaps(samples, [&](double begin, double end) { return begin < first_token && end > sent; });
  return figures;
}

void Count(const TrafficSample& s, TrafficReport& report) {
  ++report.sent;
  if (Answered(s)) {
    ++report.answered;
    return;
  }
  ++report.failed;
  ErrorCount& error = report.errors[s.error.empty() ? "no text" : s.error];
  if (error.count++ == 0) error.example = s.error_detail;
}

// Values of which the report shows percentiles.
struct Times {
  std::vector<double> first_token, gap, per_output_token, whole_answer;

  void Add(const TrafficSample& s) {
    first_token.push_back(FirstTokenMs(s));
    whole_answer.push_back((s.end_s - s.sent_s) * 1000);
    for (size_t i = 1; i < s.chunk_s.size(); ++i) gap.push_back((s.chunk_s[i] - s.chunk_s[i - 1]) * 1000);
    if (s.output_tokens > 1)
      per_output_token.push_back((s.chunk_s.back() - s.chunk_s.front()) * 1000 / (s.output_tokens - 1));
  }
};

void AddTokens(const TrafficSample& s, TrafficReport& report) {
  report.output_tokens += s.output_tokens;
  report.output_counted |= s.output_counted;
  if (!s.prompt_tokens || !s.cached_tokens) return;
  report.cache_reported = true;
  report.prompt_tokens += *s.prompt_tokens;
  report.cached_tokens += *s.cached_tokens;
}

std::string Bar(double columns) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = std::max(1, static_cast<int>(std::lround(columns * 8)));
  std::string bar;
  for (int i = 0; i < eighths / 8; ++i) bar += "█";
  return bar + kEighths[eighths % 8];
}

}  // namespace

Percentiles PercentilesOf(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto share = [&](double of_all) { return engine::Percentile(values, of_all); };
  return {values.size(), share(0.50), share(0.90), share(0.99), share(1)};
}

TrafficReport ReportTraffic(const std::vector<TrafficSample>& samples, int planned, int parallel) {
  TrafficReport report;
  report.planned = planned;
  Times times;
  double begin = 0, end = 0;
  int in_time = 0;  // answers between the two
  for (const TrafficSample& s : samples) {
    Count(s, report);
    if (!Answered(s) || s.kind == "long alone") continue;
    begin = in_time == 0 ? s.sent_s : std::min(begin, s.sent_s);
    end = std::max(end, s.end_s);
    ++in_time;
    AddTokens(s, report);
    if (s.kind != "long") times.Add(s);
  }
  report.seconds = end - begin;
  if (report.seconds > 0) {
    report.output_tokens_per_s = static_cast<double>(report.output_tokens) / report.seconds;
    report.requests_per_s = in_time / report.seconds;
  }
  report.first_token_ms = times.first_token;
  report.first_token = PercentilesOf(times.first_token);
  report.gap = PercentilesOf(times.gap);
  report.per_output_token = PercentilesOf(times.per_output_token);
  report.whole_answer = PercentilesOf(times.whole_answer);
  report.long_prompt = LongOf(samples, parallel);
  return report;
}

std::string Chart(const std::vector<double>& values_ms, int width) {
  if (values_ms.empty()) return "";
  // Rows of equal ratio, not of equal width: waits range from cached to queued.
  const auto [least, most] = std::minmax_element(values_ms.begin(), values_ms.end());
  const double low = std::max(*least, 0.1), high = std::max(*most, low * 1.001);
  const double step = std::log(high / low) / kChartRows;
  int counts[kChartRows] = {};
  for (const double value : values_ms) {
    const int row = static_cast<int>(std::log(std::max(value, low) / low) / step);
    ++counts[std::clamp(row, 0, kChartRows - 1)];
  }
  const int fullest = *std::max_element(counts, counts + kChartRows);
  std::string chart;
  for (int row = 0; row < kChartRows; ++row) {
    char line[64];
    std::snprintf(line, sizeof line, "%10.1f ms ", low * std::exp(step * (row + 1)));
    chart += line;
    if (counts[row] > 0) {
      chart += Bar(static_cast<double>(width) * counts[row] / fullest);
      chart += ' ' + std::to_string(counts[row]);
    }
    chart += '\n';
  }
  return chart;
}

}  // namespace puna::server
