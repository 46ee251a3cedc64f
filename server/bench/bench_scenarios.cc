#include "server/bench/bench_scenarios.h"

#include <algorithm>
#include <stdexcept>

#include "engine/base/percentile.h"
#include "engine/layers/machine_peaks.h"
#include "server/bench/bench_context.h"
#include "server/bench/bench_disk.h"
#include "server/bench/bench_draft.h"
#include "server/bench/bench_guess.h"
#include "server/bench/bench_setup.h"
#include "server/bench/bench_stream.h"
#include "server/bench/bench_window.h"
#include "server/bench/engine_rows.h"
#include "server/model/load_model.h"

namespace puna::server {
namespace {

using Progress = BenchProgress;
using Figures = std::vector<Figure>;

constexpr double kMs = 1e3;

double Seconds(const std::vector<double>& times, double since) { return times.at(0) - since; }

// --- pace: streams that run while a long prompt arrives.

Figures Pace(const ScenarioOptions& o, const Progress& progress) {
  constexpr int kQuiet = 48;  // tokens of each stream before and after
  config::EngineConfig config = o.engine;
  config.prefix_caching = config.speculation = false;
  config.itl_target_ms = o.itl_target_ms;
  LoadedModel loaded = LoadForBench(config, progress);
  const int vocab = loaded.model->vocab_size();
  const auto engine = StartForBench(config, std::move(loaded.model), o.streams + 1, o.prompt_tokens + 2048);
  std::mt19937 rng(1);
  const auto prompt = [&](int tokens) { return RandomIds(tokens, vocab, rng); };

  progress("a short prompt, to warm up");
  BenchStream(*engine, BenchRequest(prompt(256), 8)).AwaitEnd();
  progress("the long prompt alone");
  double alone = 0;
  {
    const BenchStream stream(*engine, BenchRequest(prompt(o.prompt_tokens), 1));
    stream.AwaitEnd();
    alone = Seconds(stream.Times(), stream.submitted());
  }
  progress("streams, quiet");
  std::vector<std::unique_ptr<BenchStream>> streams;
  for (int i = 0; i < o.streams; ++i) {
    streams.push_back(std::make_unique<BenchStream>(*engine, BenchRequest(prompt(32), 2000 + o.prompt_tokens)));
  }
  for (const auto& stream : streams) stream->AwaitTokens(2);
  const double quiet_from = SecondsNow();
  const auto await_more = [&] {
    const size_t have = streams.front()->Times().size();
    for (const auto& stream : streams) stream->AwaitTokens(static_cast<int>(have) + kQuiet);
  };
  await_more();
  progress("streams and the long prompt");
  const BenchStream arriving(*engine, BenchRequest(prompt(o.prompt_tokens), 1));
  arriving.AwaitEnd();
  const double end = arriving.Times().at(0);
  progress("streams, quiet again");
  await_more();

  std::vector<std::vector<double>> times;
  for (const auto& stream : streams) times.push_back(stream->Times());
  std::vector<double> quiet = GapsBetween(times, quiet_from, arriving.submitted());
  const std::vector<double> after = GapsBetween(times, end + 0.001, SecondsNow());
  quiet.insert(quiet.end(), after.begin(), after.end());
  const std::vector<double> beside = GapsBetween(times, arriving.submitted(), end + 0.001);
  const double median = engine::Median(quiet), p99 = engine::Percentile(beside, 0.99);
  const double among = Seconds(arriving.Times(), arriving.submitted());
  return {{"quiet_gap_p50_ms", kMs * median, "pause between a stream's tokens while nobody prefills, median"},
          {"quiet_gap_p99_ms", kMs * engine::Percentile(quiet, 0.99), "the same, 99th percentile"},
          {"beside_gap_p50_ms", kMs * engine::Median(beside), "beside the long prompt, median"},
          {"beside_gap_p90_ms", kMs * engine::Percentile(beside, 0.9), "beside the long prompt, 90th percentile"},
          {"beside_gap_p99_ms", kMs * p99, "beside the long prompt, 99th percentile"},
          {"beside_gap_max_ms", kMs * engine::Percentile(beside, 1), "beside the long prompt, longest"},
          {"gap_ratio", p99 / median, "99th percentile beside it / quiet median"},
          {"prompt_alone_s", alone, "first token of the long prompt, alone"},
          {"prompt_among_s", among, "first token of the long prompt, beside the streams"},
          {"prompt_ratio", among / alone, "beside / alone"}};
}

// --- prefix: a prompt whose beginning is in the cache.

Figures Prefix(const ScenarioOptions& o, const Progress& progress) {
  constexpr int kRuns = 9;
  config::EngineConfig config = o.engine;
  config.prefix_caching = true;
  LoadedModel loaded = LoadForBench(config, progress);
  const int vocab = loaded.model->vocab_size();
  progress("the new tokens alone, at that depth");
  double step = 0;
  {
    SteppedModel stepped(*loaded.model, o.prompt_tokens + o.new_tokens, config.max_num_batched_tokens);
    stepped.Fill();
    step = stepped.MedianStep(o.prompt_tokens, o.new_tokens, kRuns);
  }
  const auto engine = StartForBench(config, std::move(loaded.model), kRuns + 1, o.prompt_tokens + o.new_tokens + 2);
  std::mt19937 rng(1);
  const std::vector<engine::TokenId> common = RandomIds(o.prompt_tokens, vocab, rng);
  progress("the prefix, cold");
  const auto first_token = [&](std::vector<engine::TokenId> prompt, int* cached) {
    const BenchStream stream(*engine, BenchRequest(std::move(prompt), 1));
    *cached = stream.AwaitEnd().cached_tokens;
    return Seconds(stream.Times(), stream.submitted());
  };
  int cached = 0;
  const double cold = first_token(common, &cached);
  std::vector<double> warm;
  for (int run = 0; run < kRuns; ++run) {
    progress("the prefix, warm");
    std::vector<engine::TokenId> prompt = common;
    for (const engine::TokenId id : RandomIds(o.new_tokens, vocab, rng)) prompt.push_back(id);
    prompt[o.prompt_tokens] = (common[0] + 1 + run) % vocab;  // no two begin alike behind the prefix
    warm.push_back(first_token(std::move(prompt), &cached));
  }
  const double median = engine::Median(warm);
  return {{"cold_first_token_ms", kMs * cold, "first token of the prefix alone, nothing cached"},
          {"warm_first_token_ms", kMs * median, "first token of prefix and new tokens, prefix cached"},
          {"cached_tokens", double(cached), "tokens found in the cache, as reported"},
          {"new_tokens_step_ms", kMs * step, "a bare step that computes the new tokens at that depth"},
          {"ratio", median / step, "warm first token / bare step"}};
}

// --- context: one sequence at a depth.

Figures Context(const ScenarioOptions& o, const Progress& progress) {
  config::EngineConfig config = o.engine;
  config.threads = NumThreads(config);
  config.max_num_batched_tokens = std::max(config.max_num_batched_tokens, o.chunk);
  LoadedModel loaded = LoadForBench(config, progress);
  engine::Model& model = *loaded.model;
  const engine::ModelConfig& shape = loaded.config;
  const int length = o.depth + o.chunk;
  if (length > model.max_position()) {
    throw std::runtime_error("bench: " + std::to_string(length) + " tokens are more than this model's " +
                             std::to_string(model.max_position()));
  }
  SteppedModel stepped(model, length, config.max_num_batched_tokens);
  progress("filling the cache");
  stepped.Fill();
  const double resident = static_cast<double>(ResidentBytes());
  engine::MachineMeter meter(config.threads);
  progress("decode");
  stepped.Step(0, 1);
  double bandwidth = meter.ReadBandwidth();
  const double shallow = stepped.MedianStep(0, 1, 9);
  const double deep = stepped.MedianStep(o.depth, 1, 9);
  bandwidth = (bandwidth + meter.ReadBandwidth()) / 2;
  progress("prefill");
  double peak = meter.FloatPeak();
  const double chunk_shallow = stepped.MedianStep(0, o.chunk, 3);
  const double chunk_deep = stepped.MedianStep(o.depth, o.chunk, 3);
  peak = (peak + meter.FloatPeak()) / 2;
  const double kv = static_cast<double>(model.kv_bytes_per_block()) / engine::kBlockSize * (o.depth + 1);
  const double floor = (static_cast<double>(model.weight_bytes()) + kv) / bandwidth;
  // What lies between the two steps: each token sees `depth` more positions; a score and a weighted sum each take d
  // multiply-adds a head.
  const double operations =
      4.0 * shape.num_hidden_layers * shape.num_attention_heads * shape.head_dim * o.chunk * double(o.depth);
  const double rate = operations / (chunk_deep - chunk_shallow);
  return {{"kv_bytes", kv, "keys and values of the context"},
          {"weights_bytes", static_cast<double>(model.weight_bytes()), "weights"},
          {"resident_bytes", resident, "resident with the cache filled"},
          {"read_bandwidth_bytes_per_s", bandwidth, "streaming read, beside it"},
          {"decode_shallow_ms", kMs * shallow, "a token at depth 0"},
          {"decode_deep_ms", kMs * deep, "a token at that depth"},
          {"decode_floor_ms", kMs * floor, "reading weights and context once at that bandwidth"},
          {"decode_ratio", deep / floor, "a token at that depth / that reading"},
          {"prefill_shallow_ms", kMs * chunk_shallow, "a chunk of the prompt at depth 0"},
          {"prefill_deep_ms", kMs * chunk_deep, "a chunk of the prompt at that depth"},
          {"attention_flops", rate, "attention over the context, operations a second"},
          {meter.has_bf16() ? "bf16_peak_flops" : "f32_peak_flops", peak, "oneDNN's matmul, beside it"},
          {"attention_share_of_peak", rate / peak, "attention / that peak"}};
}

// --- steps: what a step costs by the number of its tokens.

Figures Steps(const ScenarioOptions& o, const Progress& progress) {
  LoadedModel loaded = LoadForBench(o.engine, progress);
  const int most = o.engine.max_num_batched_tokens;
  SteppedModel stepped(*loaded.model, most, most);
  stepped.Fill();
  Figures figures;
  for (int count = 1; count <= most; count += std::max(1, count < 16 ? count : count / 2 / 8 * 8)) {
    progress("steps of " + std::to_string(count) + " tokens");
    const double seconds = stepped.MedianStep(0, count, count < 64 ? 5 : 3);
    figures.push_back({"step_" + std::to_string(count) + "_ms", kMs * seconds,
                       std::to_string(static_cast<int>(count / seconds)) + " tokens/s"});
  }
  return figures;
}

using Table = config::OptionTable<ScenarioOptions>;
using O = ScenarioOptions;

// All scenarios take the model's rows and --json.
Table MakeTable(const Table::Rows& rows, const ScenarioOptions& defaults = {}) {
  return {{EngineRows<O, &O::engine>(),
           rows,
           {{"json", "Output", "", "print one JSON object", config::SwitchAt<&O::json>()}}},
          defaults};
}

Table PaceTable() {
  return MakeTable({
      {"long_tokens", "Load", "N", "tokens of the long prompt", config::IntegerAt<&O::prompt_tokens>(64, 1 << 20)},
      {"parallel", "Load", "N", "streams that run", config::IntegerAt<&O::streams>(1, 1024)},
      {"itl_target_ms", "Load", "MS", "as puna serve has it", config::NumberAt<&O::itl_target_ms>(-1, 60000)},
  });
}

Table PrefixTable() {
  return MakeTable({
      {"prefix_tokens", "Load", "N", "tokens in the cache", config::IntegerAt<&O::prompt_tokens>(64, 1 << 20)},
      {"new_tokens", "Load", "N", "tokens behind them", config::IntegerAt<&O::new_tokens>(1, 1 << 16)},
  });
}

Table GuessTable() {
  return MakeTable({
      {"text", "Load", "FILE", "file that is written; the model computes, the ids are given",
       config::TextAt<&O::text_file>()},
      {"accept", "Load", "P,P", "instead of a text: how often guesses come true, one rate or several",
       config::NumbersAt<&O::accept>(0, 1)},
      {"draft_model", "Load", "MODEL", "with --accept: a model that computes the guesses",
       config::TextAt<&O::engine, &config::EngineConfig::draft_model>()},
      {"pard", "Load", "", "with --draft-model: all guesses in one pass, as a PARD model makes them",
       config::SwitchAt<&O::pard>()},
      {"prompt_tokens", "Load", "N", "with --accept: tokens of the prompt",
       config::IntegerAt<&O::draft_prompt>(1, 1 << 20)},
      {"rounds", "Load", "N", "with --accept: how often each rate is measured, with guesses and without in turns",
       config::IntegerAt<&O::rounds>(1, 1000)},
      {"cores", "Load", "N", "with --accept: compute from measured costs what so many cores would gain; 0: nothing",
       config::IntegerAt<&O::cores>(0, 4096)},
      {"read_gbs", "Load", "GB/S", "with --cores: at which memory is read there; 0: as here",
       config::NumberAt<&O::read_gbs>(0, 1e5)},
      {"tokenizer", "Load", "MODEL", "whose tokenizer reads the text, or a folder with tokenizer.json",
       config::TextAt<&O::tokenizer>()},
      {"tokens", "Load", "N", "tokens of it", config::IntegerAt<&O::generate>(64, 1 << 20)},
  });
}

Table ContextTable() {
  return MakeTable({
      {"context_tokens", "Load", "N", "tokens of the context", config::IntegerAt<&O::depth>(256, 1 << 24)},
      {"chunk", "Load", "N", "prompt tokens of a step", config::IntegerAt<&O::chunk>(16, 1 << 16)},
  });
}

// Of those that measure the cache on disk; prompt_tokens: when nothing is said.
Table DiskTable(int prompt_tokens, const Table::Rows& more = {}) {
  Table::Rows rows = {
      {"prompt_tokens", "Load", "N", "tokens of the prompt", config::IntegerAt<&O::prompt_tokens>(64, 1 << 20)},
      {"disk_path", "Load", "FOLDER", "folder on the disk that is measured; empty: this one",
       config::TextAt<&O::disk_path>()},
  };
  rows.insert(rows.end(), more.begin(), more.end());
  ScenarioOptions defaults;
  defaults.prompt_tokens = prompt_tokens;
  return MakeTable(rows, defaults);
}

Table GiveUpTable() {
  return DiskTable(28000, {{"share", "Load", "PART", "of the prompt that is computed when the client leaves",
                            config::NumberAt<&O::share>(0.01, 0.99)}});
}

Table WindowTable() {
  return MakeTable({
      {"parallel", "Load", "N", "streams that run", config::IntegerAt<&O::streams>(1, 1024)},
      {"turns", "Load", "N", "how often 1.5 s are looked at, and 1.5 s not", config::IntegerAt<&O::turns>(1, 1000)},
  });
}

}  // namespace

std::span<const Scenario> Scenarios() {
  static const Table pace = PaceTable(), prefix = PrefixTable(), guess = GuessTable(), context = ContextTable(),
                     steps = MakeTable({}), window = WindowTable(), restart = DiskTable(4096),
                     disk_cost = DiskTable(2048), give_up = GiveUpTable();
  static const Scenario scenarios[] = {
      {"pace", "a long prompt beside streams that run: what it does to them, and they to it.\n", &pace},
      {"prefix", "a prompt whose beginning is in the cache, beside a bare step over what is new.\n", &prefix},
      {"guess", "speculation: a text written new, and as a copy with one change.\n", &guess},
      {"context", "decode and prefill behind a long context, beside the machine's limits.\n", &context},
      {"steps", "a step of one sequence, by the number of its tokens.\n", &steps},
      {"window", "what it costs a decode step that somebody looks into the engine.\n", &window},
      {"restart", "a prompt that is found on the disk after a restart, beside memory and the disk's rate.\n", &restart},
      {"disk-cost", "the same work with the disk cache on and off, where nothing can be found.\n", &disk_cost},
      {"give-up", "a client that leaves in the middle of a long prompt and asks again.\n", &give_up}};
  return scenarios;
}

std::vector<Figure> RunScenario(const ScenarioOptions& options, const Progress& progress) {
  if (options.name == "pace") return Pace(options, progress);
  if (options.name == "prefix") return Prefix(options, progress);
  if (options.name == "guess" && !options.accept.empty()) return GuessAtRates(options, progress);
  if (options.name == "guess") return GuessText(options, progress);
  if (options.name == "context") return Context(options, progress);
  if (options.name == "steps") return Steps(options, progress);
  if (options.name == "window") return BenchWindow(options, progress);
  if (options.name == "restart") return BenchRestart(options, progress);
  if (options.name == "disk-cost") return BenchDiskCost(options, progress);
  if (options.name == "give-up") return BenchGiveUp(options, progress);
  throw std::runtime_error("bench: no scenario " + options.name);
}

}  // namespace puna::server
