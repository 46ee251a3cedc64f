#include "server/operate/metric_families.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>

#include "engine/kv_cache/block_id.h"
#include "engine/kv_disk/disk_stats.h"
#include "server/operate/process_status.h"

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
  const uint64_t memory = stats.prefix_cache_hit_tokens - stats.disk_hit_tokens - stats.copied_hit_tokens;
  auto tiers = CounterFamily("puna:prefix_cache_hit_tokens_total", "The same by where they came from.", Number(memory),
                             {{"tier", "memory"}});
  AddValue(Number(stats.disk_hit_tokens), {{"tier", "disk"}}, tiers);
  AddValue(Number(stats.copied_hit_tokens), {{"tier", "copied"}}, tiers);
  out.push_back(tiers);
  out.push_back(CounterFamily("puna:prefix_cache_saved_seconds_total",
                              "Time that computing them would have taken, at the mean of those computed.",
                              stats.saved_seconds));
  out.push_back(CounterFamily("puna:prefix_cache_saved_joules_total", "Energy, likewise.", stats.saved_joules));
}

void AddDiskFamilies(const engine::EngineStats& stats, MetricFamilies& out) {
  const engine::DiskStats& disk = stats.disk;
  if (!disk.on) return;
  const auto counter = [&out](const char* name, const char* help, uint64_t value) {
    out.push_back(CounterFamily(std::string("puna:kv_disk_") + name, help, Number(value)));
  };
  const auto gauge = [&out](const char* name, const char* help, double value) {
    out.push_back(GaugeFamily(std::string("puna:kv_disk_") + name, help, value));
  };
  counter("hit_tokens_total", "Prompt tokens found in the KV cache on disk; prefix_cache_hits_total has them, too.",
          stats.disk_hit_tokens);
  gauge("ready", "1 when it is known what lies on the disk.", disk.ready);
  gauge("bytes", "Bytes in its folder, whoever wrote them.", static_cast<double>(disk.bytes));
  gauge("limit_bytes", "Most that they may be.", static_cast<double>(disk.limit_bytes));
  gauge("blocks", "Blocks that can be found.", Number(disk.blocks));
  counter("read_bytes_total", "Bytes of blocks that were read and sound.", disk.read_bytes);
  counter("written_bytes_total", "Bytes of blocks that were written.", disk.written_bytes);
  out.push_back(CounterFamily("puna:kv_disk_read_seconds_total", "Time of reading.", disk.read_seconds));
  out.push_back(CounterFamily("puna:kv_disk_write_seconds_total", "Time of writing.", disk.write_seconds));
  counter("evicted_files_total", "Files that were removed to keep to the limit.", disk.evicted_files);
  counter("loads_total", "Times that blocks were fetched for a request.", disk.loads);
  counter("loads_cut_total", "Of them, those that ended before all had come.", disk.loads_cut);
  counter("damaged_blocks_total", "Blocks whose bytes were not those that were written.", disk.damaged_blocks);
  auto lost = CounterFamily("puna:kv_disk_not_written_blocks_total", "Blocks that were worth keeping and are not kept.",
                            Number(disk.dropped_blocks), {{"reason", "too_late"}});
  AddValue(Number(disk.unwritten_blocks), {{"reason", "disk"}}, lost);
  out.push_back(lost);
  auto errors = CounterFamily("puna:kv_disk_errors_total", "Calls of the file system that failed.",
                              Number(disk.read_errors), {{"operation", "read"}});
  AddValue(Number(disk.write_errors), {{"operation", "write"}}, errors);
  out.push_back(errors);
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

void AddGuessFamilies(const engine::EngineStats& stats, MetricFamilies& out) {
  using prometheus::MetricType;
  prometheus::MetricFamily drafts{"puna:spec_decode_num_drafts_total",
                                  "Times that something was guessed ahead, by where the guess came from.",
                                  MetricType::Counter,
                                  {}};
  prometheus::MetricFamily proposed{
      "puna:spec_decode_num_draft_tokens_total", "Tokens guessed by speculation.", MetricType::Counter, {}};
  prometheus::MetricFamily accepted{
      "puna:spec_decode_num_accepted_tokens_total", "Of them, those that came true.", MetricType::Counter, {}};
  prometheus::MetricFamily places{"puna:spec_decode_num_accepted_tokens_per_pos_total",
                                  "The same by the place in its guess; the last place stands for all behind it.",
                                  MetricType::Counter,
                                  {}};
  for (size_t i = 0; i < stats.guesses.size(); ++i) {
    const engine::GuessTally& tally = stats.guesses[i];
    const std::string source = engine::kGuessSourceNames[i];
    AddValue(Number(tally.drafts), {{"source", source}}, drafts);
    AddValue(Number(tally.proposed), {{"source", source}}, proposed);
    AddValue(Number(tally.accepted), {{"source", source}}, accepted);
    for (size_t place = 0; place < tally.accepted_at.size(); ++place)
      AddValue(Number(tally.accepted_at[place]), {{"source", source}, {"position", std::to_string(place)}}, places);
  }
  out.insert(out.end(), {drafts, proposed, accepted, places});
  out.push_back(
      CounterFamily("puna:spec_decode_draft_seconds_total", "Time that the draft model took.", stats.draft_seconds));
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
  AddGuessFamilies(stats, out);
  out.push_back(GaugeFamily("puna:engine_heartbeat_age_seconds", "Since the engine's last sign of life.",
                            stats.seconds_since_beat));
}

// What cannot be read is unknown and stands nowhere: 0 would be a value.
void AddIfKnown(const char* name, const char* help, std::optional<double> value, double unit, MetricFamilies& out) {
  if (value) out.push_back(GaugeFamily(name, help, *value * unit));
}

std::optional<double> OpenDescriptors() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return std::nullopt;
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
std::optional<double> StartSeconds() {
  std::ifstream stat("/proc/self/stat"), machine("/proc/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  const size_t end = text.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(end + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  double boot = 0;
  for (std::string word; machine >> word;) {
    if (word == "btime") machine >> boot;
  }
  if (!fields || boot == 0) return std::nullopt;
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
  prometheus::MetricFamily reasons{
      "puna:num_requests_waiting_for", "The same by what they wait for.", prometheus::MetricType::Gauge, {}};
  for (size_t i = 0; i < engine::kNumWaits; ++i)
    AddValue(stats.waiting_for[i], {{"reason", engine::kWaitsNames[i]}}, reasons);
  out.push_back(std::move(reasons));
  AddCacheFamilies(stats, out);
  AddDiskFamilies(stats, out);
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
  auto kept = GaugeFamily("puna:kept_memory_bytes",
                          "Memory of what is kept for later requests; http_request_memory_bytes has it, too.",
                          static_cast<double>(service.grammars->bytes()), {{"kind", "grammars"}});
  AddValue(static_cast<double>(service.running.bytes()), {{"kind", "events"}}, kept);
  AddValue(static_cast<double>(service.responses->bytes_held()), {{"kind", "responses"}}, kept);
  out.push_back(std::move(kept));
}

void AddKeyFamilies(const std::vector<KeyUsage>& keys, MetricFamilies& out) {
  const auto counter = [&](const char* name, const char* help, auto value_of) {
    prometheus::MetricFamily family{name, help, prometheus::MetricType::Counter, {}};
    for (const KeyUsage& key : keys) AddValue(static_cast<double>(value_of(key)), {{"key", key.name}}, family);
    out.push_back(std::move(family));
  };
  if (keys.empty()) return;
  counter("puna:key_requests_total", "Requests that were answered, by the name of the key.",
          [](const KeyUsage& key) { return key.requests; });
  counter("puna:key_prompt_tokens_total", "Prompt tokens of answered requests, cached ones included, by key.",
          [](const KeyUsage& key) { return key.prompt_tokens; });
  counter("puna:key_generation_tokens_total", "Tokens generated for answered requests, by key.",
          [](const KeyUsage& key) { return key.completion_tokens; });
  counter("puna:key_queue_seconds_total", "Time that requests waited before they were computed, by key.",
          [](const KeyUsage& key) { return key.queue_seconds; });
  const auto gauge = [&](const char* name, const char* help, int KeyUsage::*count) {
    prometheus::MetricFamily family{name, help, prometheus::MetricType::Gauge, {}};
    for (const KeyUsage& key : keys) AddValue(key.*count, {{"key", key.name}}, family);
    out.push_back(std::move(family));
  };
  gauge("puna:key_requests_in_progress", "Requests that are being answered, by key.", &KeyUsage::in_progress);
  gauge("puna:key_requests_waiting", "Sequences that have not been computed yet, by key.", &KeyUsage::waiting);
  gauge("puna:key_http_connections", "Open connections whose last request had the key, by key.",
        &KeyUsage::connections);
  prometheus::MetricFamily refused{"puna:key_refused_requests_total",
                                   "Requests that a limit of their key refused.",
                                   prometheus::MetricType::Counter,
                                   {}};
  for (const KeyUsage& key : keys) {
    AddValue(Number(key.refused_requests), {{"key", key.name}, {"limit", "requests"}}, refused);
    AddValue(Number(key.refused_tokens), {{"key", key.name}, {"limit", "tokens"}}, refused);
    AddValue(Number(key.refused_streams), {{"key", key.name}, {"limit", "streams"}}, refused);
  }
  out.push_back(std::move(refused));
}

void AddProcessFamilies(MetricFamilies& out) {
  rlimit files{};
  const bool limited = getrlimit(RLIMIT_NOFILE, &files) == 0;
  out.push_back(CounterFamily("process_cpu_seconds_total", "Processor time used.", CpuSeconds()));
  constexpr double kKib = 1024;
  AddIfKnown("process_resident_memory_bytes", "Memory in use, mapped files included.", StatusField("VmRSS"), kKib, out);
  AddIfKnown("process_anonymous_memory_bytes", "Memory in use that is no file's.", StatusField("RssAnon"), kKib, out);
  AddIfKnown("process_virtual_memory_bytes", "Addresses in use.", StatusField("VmSize"), kKib, out);
  AddIfKnown("process_open_fds", "Open descriptors.", OpenDescriptors(), 1, out);
  if (limited) {
    out.push_back(GaugeFamily("process_max_fds", "Descriptors that may be open.", static_cast<double>(files.rlim_cur)));
  }
  AddIfKnown("process_threads", "Threads.", StatusField("Threads"), 1, out);
  AddIfKnown("process_start_time_seconds", "Start, in seconds since 1970.", StartSeconds(), 1, out);
}

}  // namespace puna::server
