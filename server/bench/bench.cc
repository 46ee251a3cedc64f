#include "server/bench/bench.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "config/flags.h"
#include "config/help.h"
#include "server/bench/bench_body.h"
#include "server/bench/bench_engine.h"
#include "server/bench/bench_kernels.h"
#include "server/bench/bench_quality.h"
#include "server/bench/bench_scenarios.h"
#include "server/bench/bench_serve.h"
#include "server/bench/bench_text.h"
#include "server/bench/engine_rows.h"
#include "server/hub/locate_model.h"
#include "server/model/draft_model.h"

namespace puna::server {
namespace {

// One line on a terminal, overwritten; nothing when standard error goes elsewhere.
void ShowProgress(const std::string& what) {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K%s", what.c_str());
}

void EndProgress() {
  if (isatty(STDERR_FILENO) != 0) std::fputs("\r\033[K", stderr);
}

void PrintJson(const EngineBenchResult& r) {
  nlohmann::ordered_json json = {{"model", r.model},
                                 {"weights", r.weights},
                                 {"isa", r.isa},
                                 {"threads", r.threads},
                                 {"prompt_tokens", r.prompt_tokens},
                                 {"load_seconds", r.load_seconds},
                                 {"prefill_tokens_per_s", r.prefill_tokens_per_s},
                                 {"time_to_first_token_ms", r.time_to_first_token_ms}};
  json["decode"] = nlohmann::ordered_json::array();
  for (const DecodeFigures& d : r.decode) {
    json["decode"].push_back({{"streams", d.streams},
                              {"tokens_per_s", d.tokens_per_s},
                              {"inter_token_ms_p50", d.inter_token_ms_p50},
                              {"inter_token_ms_p99", d.inter_token_ms_p99},
                              {"bytes_per_step", d.bytes_per_step},
                              {"operations_per_step", d.operations_per_step},
                              {"read_bandwidth_before", d.bandwidth_before},
                              {"read_bandwidth_after", d.bandwidth_after},
                              {"limit", d.reading_is_the_limit ? "memory" : "arithmetic"},
                              {"share_of_limit", d.share_of_limit},
                              {"share_of_bandwidth", d.share_of_bandwidth}});
  }
  json["resident_bytes"] = r.resident_bytes;
  json["weights_bytes"] = r.weights_bytes;
  json["kv_bytes"] = r.kv_bytes;
  json["read_bandwidth_bytes_per_s"] = r.read_bandwidth_bytes_per_s;
  json["bf16_peak_flops"] = r.bf16_peak_flops;
  json["f32_peak_flops"] = r.f32_peak_flops;
  json["int8_peak_ops"] = r.int8_peak_ops;
  json["panel_peak_ops"] = r.panel_peak_ops;
  json["prefill_share_of_peak"] = r.prefill_share_of_peak;
  json["decode_share_of_bandwidth"] = r.decode.empty() ? 0 : r.decode.front().share_of_bandwidth;
  std::puts(json.dump(2).c_str());
}

void PrintTable(const EngineBenchResult& r) {
  std::printf("%s, %s, %d threads, %s\n\n", r.model.c_str(), r.weights.c_str(), r.threads, r.kernels.c_str());
  const bool bf16 = r.bf16_peak_flops > 0;
  std::printf("machine   read %.1f GB/s, oneDNN %s %.2f Tflop/s, int8 %.2f Top/s, our %s kernel in the cache %.2f\n",
              r.read_bandwidth_bytes_per_s / 1e9, bf16 ? "bf16" : "f32",
              (bf16 ? r.bf16_peak_flops : r.f32_peak_flops) / 1e12, r.int8_peak_ops / 1e12, r.weights.c_str(),
              r.panel_peak_ops / 1e12);
  std::printf("memory    weights %.2f GiB, KV %.2f GiB, resident %.2f GiB\n", r.weights_bytes / 1073741824.0,
              r.kv_bytes / 1073741824.0, r.resident_bytes / 1073741824.0);
  std::printf("load      %.1f s\n", r.load_seconds);
  std::printf("prefill   %d tokens: %.1f tokens/s, first token after %.0f ms, %.2f of the matmul peak\n",
              r.prompt_tokens, r.prefill_tokens_per_s, r.time_to_first_token_ms, r.prefill_share_of_peak);
  for (const DecodeFigures& d : r.decode) {
    std::printf("decode    %2d %s %.1f tokens/s in all, a token every %.1f ms (99th percentile %.1f), %.2f of the %s\n",
                d.streams, d.streams == 1 ? "stream: " : "streams:", d.tokens_per_s, d.inter_token_ms_p50,
                d.inter_token_ms_p99, d.share_of_limit, d.reading_is_the_limit ? "read bandwidth" : "matmul peak");
  }
}

int BenchScenario(ScenarioOptions scenario) {
  config::EngineConfig& engine = scenario.engine;
  engine.model = LocateFiles(engine.model);
  if (HasDraft(engine)) engine.draft_model = LocateFiles(engine.draft_model);
  const std::vector<Figure> figures = RunScenario(scenario, ShowProgress);
  EndProgress();
  nlohmann::ordered_json all = {{"scenario", scenario.name}, {"model", engine.model}, {"weights", engine.weights}};
  for (const Figure& figure : figures) {
    if (scenario.json) {
      all[figure.name] = figure.value;
    } else {
      std::printf("%-28s %16.*f  %s\n", figure.name.c_str(), std::abs(figure.value) >= 1e5 ? 0 : 3, figure.value,
                  figure.what.c_str());
    }
  }
  if (scenario.json) std::puts(all.dump(2).c_str());
  return 0;
}

constexpr char kBenchText[] =
    R"(measures a model on this machine, each figure beside its limit from the same run: prefill as a share of the oneDNN
matmul peak, decode as a share of the streaming-read bandwidth. Quiet machine, please: nothing else should run.

  puna bench --model random:llama-3.2-3b --weights w4a8 --prompt 512 --generate 64 --streams 1,8
  puna bench pace --model random:llama-3.2-3b --weights w4a8     (also prefix, guess, context, steps, window, restart,
                                                                  disk-cost, give-up)
  puna bench tokenizer --model MODEL
  puna bench grammar --model MODEL
  puna bench body
  puna bench kernels
  puna bench quality --text held-back.txt
  puna bench serve --url http://127.0.0.1:8080 --scenario agents

puna bench PART --help says more of each.
)";

struct ModelBench {
  EngineBenchOptions options;
  bool json = false;
};

const config::OptionTable<ModelBench>& ModelBenchTable() {
  using B = ModelBench;
  using O = EngineBenchOptions;
  static const config::OptionTable<B> table = {
      EngineRows<B, &B::options, &O::engine>(),
      {
          {"prompt", "Load", "TOKENS", "tokens of the prompt whose prefill is timed",
           config::IntegerAt<&B::options, &O::prompt_tokens>(1, 1 << 20)},
          {"generate", "Load", "TOKENS", "tokens that each stream generates",
           config::IntegerAt<&B::options, &O::generate_tokens>(1, 1 << 20)},
          {"depth", "Load", "TOKENS", "prompt tokens of each decoding stream",
           config::IntegerAt<&B::options, &O::depth>(1, 1 << 20)},
          {"streams", "Load", "N,N", "numbers of streams decoding together",
           config::IntegersAt<&B::options, &O::streams>(1, 1024)},
          {"json", "Output", "", "print one JSON object", config::SwitchAt<&B::json>()},
      }};
  return table;
}

int RunModelBench(ModelBench bench) {
  bench.options.engine.model = LocateFiles(bench.options.engine.model);
  const EngineBenchResult result = RunEngineBench(bench.options, ShowProgress);
  EndProgress();
  bench.json ? PrintJson(result) : PrintTable(result);
  return 0;
}

int BenchKernels(const KernelBenchOptions& options) {
  const int status = RunKernelBench(options, ShowProgress);
  EndProgress();
  return status;
}

// A part of the bench: the word behind puna bench, a line about it, its options, and what it does with them.
struct Part {
  std::string_view name;
  std::string help;  // the text of --help; its first sentence is the line
  config::OptionSet options;
  std::function<int(std::span<const std::string>)> run;
};

template <typename Options>
Part MakePart(std::string_view name, std::string help, const config::OptionTable<Options>& table,
              std::function<int(Options)> run) {
  const std::string command = name.empty() ? "puna bench" : "puna bench " + std::string(name);
  return {name, help, table.set(), [=, &table](std::span<const std::string> arguments) {
            Options options = table.defaults();
            if (ReadOptions(table, arguments, options)) return run(std::move(options));
            return std::fputs(config::CommandHelp(command, help, table.set()).c_str(), stdout), 0;
          }};
}

const std::vector<Part>& Parts() {
  static const std::vector<Part> parts = [] {
    std::vector<Part> all = {MakePart<ModelBench>("", kBenchText, ModelBenchTable(), RunModelBench)};
    for (const Scenario& scenario : Scenarios()) {
      all.push_back(
          MakePart<ScenarioOptions>(scenario.name, scenario.help, *scenario.table, [&](ScenarioOptions options) {
            options.name = scenario.name;
            return BenchScenario(std::move(options));
          }));
    }
    all.push_back(MakePart<TextBenchOptions>("tokenizer", "measures the tokenizer alone.\n", TokenizerBenchTable(),
                                             RunTokenizerBench));
    all.push_back(MakePart<TextBenchOptions>("grammar", "measures what structured output costs beside the model.\n",
                                             GrammarBenchTable(), RunGrammarBench));
    all.push_back(MakePart<BodyBenchOptions>("body", kBodyBenchText, BodyBenchTable(), RunBodyBench));
    all.push_back(MakePart<KernelBenchOptions>("kernels", kKernelBenchText, KernelBenchTable(), BenchKernels));
    all.push_back(MakePart<QualityBenchOptions>("quality", kQualityBenchText, QualityBenchTable(), RunQualityBench));
    all.push_back(MakePart<ServeBenchOptions>("serve", kServeBenchText, ServeBenchTable(), RunServeBench));
    return all;
  }();
  return parts;
}

const Part* FindPart(std::string_view name) {
  const auto part = std::ranges::find(Parts(), name, &Part::name);
  return part == Parts().end() ? nullptr : &*part;
}

}  // namespace

int RunBench(std::span<const std::string> arguments) {
  if (arguments.empty() || arguments[0].starts_with('-')) return FindPart("")->run(arguments);
  if (const Part* part = FindPart(arguments[0])) return part->run(arguments.subspan(1));
  std::vector<std::string> names;
  for (const Part& part : Parts()) names.emplace_back(part.name);
  throw config::ConfigError("bench: there is no part \"" + arguments[0] + "\"" +
                            config::DidYouMean(arguments[0], names) + " (puna bench --help lists them)");
}

std::vector<config::Command> BenchCommands() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Part& part : Parts()) all.push_back(part.name.empty() ? "bench" : "bench " + std::string(part.name));
    return all;
  }();
  std::vector<config::Command> commands;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string_view help = Parts()[i].help;
    commands.push_back(
        {names[i], i == 0 ? "measures this machine, or a running server" : help.substr(0, help.find_first_of(".:;")),
         Parts()[i].options});
  }
  return commands;
}

}  // namespace puna::server
