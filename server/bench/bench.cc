#include "server/bench/bench.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/demo/demo_model.h"
#include "engine/grammar/benchmark.h"
#include "engine/tokenizer/benchmark.h"
#include "engine/tokenizer/tokenizer.h"
#include "server/bench/bench_engine.h"
#include "server/bench/bench_quality.h"
#include "server/bench/bench_scenarios.h"
#include "server/bench/bench_serve.h"

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

int BenchScenario(ScenarioOptions scenario, const config::EngineConfig& engine, bool json) {
  scenario.engine = engine;
  const std::vector<Figure> figures = RunScenario(scenario, ShowProgress);
  EndProgress();
  nlohmann::ordered_json all = {{"scenario", scenario.name}, {"model", engine.model}, {"weights", engine.weights}};
  for (const Figure& figure : figures) {
    if (json) {
      all[figure.name] = figure.value;
    } else {
      std::printf("%-28s %16.*f  %s\n", figure.name.c_str(), std::abs(figure.value) >= 1e5 ? 0 : 3, figure.value,
                  figure.what.c_str());
    }
  }
  if (json) std::puts(all.dump(2).c_str());
  return 0;
}

engine::Tokenizer BenchedTokenizer(const std::string& folder) {
  if (!folder.empty()) return engine::Tokenizer::FromFile(folder + "/tokenizer.json");
  const auto demo = engine::DemoModelFiles();
  const auto file = demo.find("tokenizer.json");
  if (file == demo.end()) throw std::runtime_error("no embedded model; name a folder with --model");
  return engine::Tokenizer::FromJson({reinterpret_cast<const char*>(file->second.data()), file->second.size()},
                                     "embedded tokenizer.json");
}

int BenchGrammar(const std::string& folder) {
  const engine::Tokenizer tokenizer = BenchedTokenizer(folder);
  const engine::TokenVocabulary vocabulary(tokenizer, tokenizer.vocab_size());
  const engine::GrammarBenchResult r = engine::BenchmarkGrammar(vocabulary, engine::UsualSchemas());
  std::printf("grammar, one core, %d tokens in the vocabulary\n\n", tokenizer.vocab_size());
  std::printf("compile   %zu schemas: %.2f ms each, %.2f ms at most\n", r.schemas, r.compile_ms_mean, r.compile_ms_max);
  std::printf("forced    %zu of %zu tokens are appended without the model\n", r.forced_tokens, r.tokens);
  std::printf(
      "mask      a token that the model is asked for: %.0f us the first time (%.0f at most), then %.1f us (99th "
      "percentile %.0f)\n",
      r.first_us_mean, r.first_us_max, r.cached_us_mean, r.cached_us_p99);
  return 0;
}

int BenchTokenizer(const std::string& folder, const std::string& text_file) {
  const engine::Tokenizer tokenizer = BenchedTokenizer(folder);
  std::string corpus;
  if (text_file.empty()) {
    for (int i = 0; corpus.size() < 4 << 20; ++i) {
      corpus += "The quick brown fox, aged " + std::to_string(i * 37) +
                ", doesn't jump over lazy dogs; it returns `int f(x) {"
                " return x + " +
                std::to_string(i) + "; }`.\n\n";
    }
  } else {
    std::ifstream in(text_file, std::ios::binary);
    if (!in) throw std::runtime_error(text_file + ": cannot be opened");
    std::ostringstream all;
    all << in.rdbuf();
    corpus = all.str();
  }
  const auto result = engine::BenchmarkTokenizer(tokenizer, corpus);
  std::printf("tokenizer, one core, %zu bytes, %zu tokens: encodes %.1f MB/s, decodes %.1f MB/s\n", result.bytes,
              result.tokens, result.encode_bytes_per_s / 1e6, result.decode_bytes_per_s / 1e6);
  return 0;
}

}  // namespace

int RunBench(int argc, char** argv) {
  EngineBenchOptions options;
  std::string text_file;
  bool json = false;
  CLI::App app{
      "Measures a model on this machine, each figure beside its limit from the same run: prefill "
      "as a share of the oneDNN\n"
      "matmul peak, decode as a share of the streaming-read bandwidth. Quiet machine, please: "
      "nothing else should run.\n\n"
      "  puna bench --model random:llama-3.2-3b --weights w4a8 --prompt 512 --generate 64 "
      "--streams 1,8\n"
      "  puna bench pace --model random:llama-3.2-3b --weights w4a8     (also prefix, guess, context)\n"
      "  puna bench tokenizer --model FOLDER\n"
      "  puna bench grammar --model FOLDER\n"
      "  puna bench quality --text held-back.txt\n"
      "  puna bench serve --url http://127.0.0.1:8080 --scenario agents"};
  app.name("puna bench");
  app.add_option("--model", options.engine.model,
                 "model folder or random:llama-3.2-3b; default: the embedded demo model");
  app.add_option("--weights", options.engine.weights, "how weights are held: auto, bf16, w8a8, w4a8")
      ->check(CLI::IsMember({"auto", "bf16", "w8a8", "w4a8"}));
  app.add_option("--kv-cache-dtype", options.engine.kv_cache_dtype, "how the KV cache is held: auto (bf16), bf16, int8")
      ->check(CLI::IsMember({"auto", "bf16", "int8"}));
  app.add_option("--threads", options.engine.threads, "threads that compute; 0: all that this process may use")
      ->check(CLI::Range(0, 1024));
  app.add_option("--isa", options.engine.isa, "instruction set: auto, avx512bf16, avx512, avx2vnni, avx2, scalar");
  app.add_option("--prompt", options.prompt_tokens, "tokens of the prompt whose prefill is timed")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--generate", options.generate_tokens, "tokens that each stream generates")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--depth", options.depth, "prompt tokens of each decoding stream")->check(CLI::Range(1, 1 << 20));
  app.add_option("--streams", options.streams, "numbers of streams decoding together, as in 1,8")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  app.add_flag("--json", json, "print one JSON object");
  CLI::App* tokenizer = app.add_subcommand("tokenizer", "measure the tokenizer alone");
  tokenizer->add_option("--model", options.engine.model, "folder with tokenizer.json; default: the embedded one");
  tokenizer->add_option("--text", text_file, "file to encode; default: a made-up mix of prose and code");
  CLI::App* grammar = app.add_subcommand("grammar", "measure what structured output costs beside the model");
  grammar->add_option("--model", options.engine.model, "folder with tokenizer.json; default: the embedded one");
  ServeBenchOptions serve_options;
  const CLI::App* serve = AddServeBench(app, serve_options);
  QualityBenchOptions quality_options;
  const CLI::App* quality = AddQualityBench(app, quality_options);
  ScenarioOptions scenario;
  AddScenarios(app, scenario);
  CLI11_PARSE(app, argc, argv);
  if (!scenario.name.empty()) return BenchScenario(scenario, options.engine, json);
  if (quality->parsed()) return RunQualityBench(quality_options);
  if (serve->parsed()) return RunServeBench(serve_options);
  if (grammar->parsed()) return BenchGrammar(options.engine.model);
  if (tokenizer->parsed()) return BenchTokenizer(options.engine.model, text_file);
  const EngineBenchResult result = RunEngineBench(options, ShowProgress);
  EndProgress();
  json ? PrintJson(result) : PrintTable(result);
  return 0;
}

}  // namespace puna::server
