#include "server/operate/metric_families.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <sstream>

#include "engine/kv_cache/block_id.h"

namespace puna::server {
namespace {

prometheus::MetricFamily Single(const std::string& name, const std::string& help, prometheus::MetricType type,
                                double value, Labels labels) {
  prometheus::MetricFamily family{name, help, type, {}};
  AddValue(value, std::move(labels), family);
  return family;
}

double Number(uint64_t count) { return static_cast<double>(count); }

void AddCacheFamilies(const engine::EngineStats& stats, MetricFamilies& out) {
  const double total = stats.blocks_total > 0 ? stats.blocks_total : 1;
  out.push_back(GaugeFamily("puna:kv_cache_usage_perc", "Share of the KV cache that requests hold, 0 to 1.",
                            stats.blocks_used / total));
  auto blocks =
      GaugeFamily("puna:kv_cache_blocks", "Blocks of the KV cache by state.", stats.blocks_used, {{"state", "used"}});
  AddValue(stats.blocks_cached, {{"state", "cached"}}, blocks);
  AddValue(stats.blocks_total - stats.blocks_used - stats.blocks_cached, {{"state", "free"}}, blocks);
  out.push_back(blocks);
  out.push_back(CounterFamily("puna:prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache.",
                              Number(stats.prefix_cache_query_tokens)));
  out.push_back(
      CounterFamily("puna:prefix_cache_hits_total", "Of them, those found.", Number(stats.prefix_cache_hit_tokens)));
}

void AddRequestFamilies(const engine::EngineStats& stats, MetricFamilies& out) {
  out.push_back(CounterFamily("puna:prompt_tokens_total", "Prompt tokens of admitted requests, cached ones included.",
                              Number(stats.prompt_tokens)));
  out.push_back(CounterFamily("puna:generation_tokens_total", "Tokens generated.", Number(stats.generated_tokens)));
  auto ends = CounterFamily("puna:request_success_total", "Sequences that ended, by reason.",
                            Number(stats.finished_stop), {{"finished_reason", "stop"}});
  AddValue(Number(stats.finished_length), {{"finished_reason", "length"}}, ends);
  AddValue(Number(stats.finished_cancelled), {{"finished_reason", "abort"}}, ends);
  AddValue(Number(stats.finished_error), {{"finished_reason", "error"}}, ends);
  out.push_back(ends);
  out.push_back(HistogramFamily("puna:time_to_first_token_seconds", "From arrival to the first token.",
                                stats.time_to_first_token));
  out.push_back(HistogramFamily("puna:inter_token_latency_seconds", "Between two steps that gave a sequence tokens.",
                                stats.inter_token_latency));
  out.push_back(HistogramFamily("puna:e2e_request_latency_seconds", "From arrival to the end.", stats.e2e_latency));
  out.push_back(
      HistogramFamily("puna:request_queue_time_seconds", "From arrival to the first step.", stats.queue_time));
  out.push_back(HistogramFamily("puna:request_prefill_time_seconds", "From the first step to the first token.",
                                stats.prefill_time));
  out.push_back(
      HistogramFamily("puna:request_decode_time_seconds", "From the first token to the end.", stats.decode_time));
  out.push_back(HistogramFamily("puna:request_prompt_tokens", "Length of prompts.", stats.prompt_lengths));
  out.push_back(HistogramFamily("puna:request_generation_tokens", "Length of answers.", stats.output_lengths));
}

void AddStepFamilies(const engine::EngineStats& stats, MetricFamilies& out) {
  out.push_back(CounterFamily("puna:engine_steps_total", "Steps that were computed.", Number(stats.steps)));
  out.push_back(HistogramFamily("puna:iteration_time_seconds", "Duration of a step.", stats.step_time));
  out.push_back(HistogramFamily("puna:iteration_tokens_total",
                                "Tokens computed in a step, prompts and guesses included.", stats.step_tokens));
  out.push_back(
      HistogramFamily("puna:iteration_num_seqs", "Sequences in a step: its batch size.", stats.step_sequences));
  out.push_back(CounterFamily("puna:num_preemptions_total", "Sequences whose blocks were taken for others.",
                              Number(stats.preemptions)));
  out.push_back(CounterFamily("puna:spec_decode_num_draft_tokens_total", "Tokens guessed by speculation.",
                              Number(stats.draft_tokens)));
  out.push_back(CounterFamily("puna:spec_decode_num_accepted_tokens_total", "Of them, those that came true.",
                              Number(stats.accepted_draft_tokens)));
  out.push_back(GaugeFamily("puna:engine_heartbeat_age_seconds", "Since the engine's last sign of life.",
                            stats.seconds_since_beat));
}

// The value in front of kB in lines of /proc/self/status.
double StatusField(const std::string& name) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(name + ":", 0) == 0) return std::strtod(line.c_str() + name.size() + 1, nullptr);
  }
  return 0;
}

int OpenDescriptors() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  int count = -1;  // the folder itself is one
  while (const dirent* entry = readdir(folder)) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Seconds since 1970: the machine's start, and ours after it in clock ticks (field 22 of stat).
double StartSeconds() {
  std::ifstream stat("/proc/self/stat"), machine("/proc/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  const size_t end = text.rfind(')');
  if (end == std::string::npos) return 0;
  std::istringstream fields(text.substr(end + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  double boot = 0;
  for (std::string word; machine >> word;) {
    if (word == "btime") machine >> boot;
  }
  return boot + std::strtod(field.c_str(), nullptr) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

prometheus::MetricFamily GaugeFamily(const std::string& name, const std::string& help, double value, Labels labels) {
  return Single(name, help, prometheus::MetricType::Gauge, value, std::move(labels));
}

prometheus::MetricFamily CounterFamily(const std::string& name, const std::string& help, double value, Labels labels) {
  return Single(name, help, prometheus::MetricType::Counter, value, std::move(labels));
}

void AddValue(double value, Labels labels, prometheus::MetricFamily& family) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  (family.type == prometheus::MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
}

void AddEngineFamilies(const engine::EngineStats& stats, MetricFamilies& out) {
  out.push_back(GaugeFamily("puna:num_requests_running", "Sequences that are being computed.", stats.running));
  out.push_back(GaugeFamily("puna:num_requests_waiting", "Sequences that wait in line.", stats.waiting));
  AddCacheFamilies(stats, out);
  AddRequestFamilies(stats, out);
  AddStepFamilies(stats, out);
}

void AddEnergyFamilies(const engine::EngineStats& stats, const EnergyTerms& terms, MetricFamilies& out) {
  const auto labels = [&](const char* state) { return Labels{{"state", state}, {"source", terms.source}}; };
  auto joules = CounterFamily("puna:energy_joules_total", "Energy used, while steps were computed and between them.",
                              stats.busy_joules, labels("busy"));
  AddValue(stats.idle_joules, labels("idle"), joules);
  out.push_back(joules);
  auto grams = CounterFamily("puna:co2e_grams_total", "CO2e of that energy, by --pue and --carbon-intensity.",
                             terms.Grams(stats.busy_joules), labels("busy"));
  AddValue(terms.Grams(stats.idle_joules), labels("idle"), grams);
  out.push_back(grams);
}

void AddModelFamilies(const Service& service, MetricFamilies& out) {
  out.push_back(GaugeFamily("puna:model_info", "The model that is served.", 1,
                            {{"model_name", service.model_name}, {"fingerprint", service.engine->fingerprint()}}));
  out.push_back(GaugeFamily("puna:cache_config_info", "Sizes of the KV cache, in tokens and blocks.", 1,
                            {{"block_size", std::to_string(engine::kBlockSize)},
                             {"num_blocks", std::to_string(service.engine->stats().blocks_total)},
                             {"max_model_len", std::to_string(service.engine->limits().max_model_len)}}));
}

void AddProcessFamilies(MetricFamilies& out) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  out.push_back(CounterFamily("process_cpu_seconds_total", "Processor time used.", CpuSeconds()));
  out.push_back(GaugeFamily("process_resident_memory_bytes", "Memory in use, mapped files included.",
                            StatusField("VmRSS") * 1024));
  out.push_back(
      GaugeFamily("process_anonymous_memory_bytes", "Memory in use that is no file's.", StatusField("RssAnon") * 1024));
  out.push_back(GaugeFamily("process_virtual_memory_bytes", "Addresses in use.", StatusField("VmSize") * 1024));
  out.push_back(GaugeFamily("process_open_fds", "Open descriptors.", OpenDescriptors()));
  out.push_back(GaugeFamily("process_max_fds", "Descriptors that may be open.", static_cast<double>(files.rlim_cur)));
  out.push_back(GaugeFamily("process_threads", "Threads.", StatusField("Threads")));
  out.push_back(GaugeFamily("process_start_time_seconds", "Start, in seconds since 1970.", StartSeconds()));
}

}  // namespace puna::server
