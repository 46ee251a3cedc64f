#include "server/bench/bench_scenarios.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "engine/base/percentile.h"
#include "engine/layers/machine_peaks.h"
#include "engine/tokenizer/tokenizer.h"
#include "server/bench/bench_context.h"
#include "server/bench/bench_script.h"
#include "server/bench/bench_stream.h"
#include "server/model/load_model.h"
#include "server/model/text_files.h"

namespace puna::server {
namespace {

using Progress = std::function<void(const std::string&)>;
using Figures = std::vector<Figure>;

constexpr double kMs = 1e3;

LoadedModel Load(const config::EngineConfig& config, const Progress& progress) {
  return LoadModel(config, [&](double share) {
    progress("loading the model " + std::to_string(static_cast<int>(100 * share)) + " %");
  });
}

// An engine with room for `sequences` of `length` tokens.
std::unique_ptr<engine::Engine> Start(const config::EngineConfig& config, std::unique_ptr<engine::Model> model,
                                      int sequences, int length) {
  engine::EngineOptions options = MakeEngineOptions(config, *model);
  if (length > model->max_position()) {
    throw std::runtime_error("bench: " + std::to_string(length) + " tokens are more than this model's " +
                             std::to_string(model->max_position()));
  }
  options.max_model_len = length;
  options.num_blocks = sequences * (length / engine::kBlockSize + 2);
  options.max_num_seqs = std::max(options.max_num_seqs, sequences);
  return std::make_unique<engine::Engine>(std::move(model), options);
}

double Seconds(const std::vector<double>& times, double since) { return times.at(0) - since; }

// --- pace: streams that run while a long prompt arrives.

Figures Pace(const ScenarioOptions& o, const Progress& progress) {
  constexpr int kQuiet = 48;  // tokens of each stream before and after
  config::EngineConfig config = o.engine;
  config.prefix_caching = config.speculation = false;
  config.itl_target_ms = o.itl_target_ms;
  LoadedModel loaded = Load(config, progress);
  const int vocab = loaded.model->vocab_size();
  const auto engine = Start(config, std::move(loaded.model), o.streams + 1, o.prompt_tokens + 2048);
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
  LoadedModel loaded = Load(config, progress);
  const int vocab = loaded.model->vocab_size();
  progress("the new tokens alone, at that depth");
  double step = 0;
  {
    SteppedModel stepped(*loaded.model, o.prompt_tokens + o.new_tokens, config.max_num_batched_tokens);
    stepped.Fill();
    step = stepped.MedianStep(o.prompt_tokens, o.new_tokens, kRuns);
  }
  const auto engine = Start(config, std::move(loaded.model), kRuns + 1, o.prompt_tokens + o.new_tokens + 2);
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

// --- guess: prompt lookup while a known text is written.

struct Writing {
  double seconds = 0;  // from the first token to the last
  engine::Usage usage;
};

// Lets the model write `script`: each step computes as usual, and the only id that may be drawn is the script's next.
Writing Write(engine::Engine& engine, std::vector<engine::TokenId> prompt, const std::vector<engine::TokenId>& script,
              bool guessing) {
  engine::Request request = BenchRequest(std::move(prompt), static_cast<int>(script.size()));
  request.constraint = std::make_unique<Script>(script, guessing);
  const BenchStream stream(engine, std::move(request));
  Writing result;
  result.usage = stream.AwaitEnd();
  const std::vector<double> times = stream.Times();
  result.seconds = times.back() - times.front();
  return result;
}

std::vector<engine::TokenId> TextIds(const ScenarioOptions& o, int vocab) {
  const auto tokenizer = o.tokenizer.empty() ? LoadTokenizer(TextFiles(""), vocab)
                                             : engine::Tokenizer::FromFile(o.tokenizer + "/tokenizer.json");
  std::ifstream in(o.text_file, std::ios::binary);
  if (!in) throw std::runtime_error(o.text_file + ": cannot be opened");
  const std::string text(std::istreambuf_iterator<char>(in), {});
  std::vector<engine::TokenId> ids = tokenizer.Encode(text);
  if (ids.size() < 64)
    throw std::runtime_error(o.text_file + ": expected a text of 64 tokens or more, found " +
                             std::to_string(ids.size()));
  if (tokenizer.vocab_size() > vocab) {
    throw std::runtime_error("bench: the tokenizer knows " + std::to_string(tokenizer.vocab_size()) +
                             " ids, the model " + std::to_string(vocab) + "; choose another --tokenizer");
  }
  ids.resize(std::min<size_t>(ids.size(), o.generate));
  return ids;
}

void Compare(Figures& figures, const std::string& key, const std::string& what, engine::Engine& engine,
             const std::vector<engine::TokenId>& prompt, const std::vector<engine::TokenId>& script) {
  constexpr int kRounds = 2;  // taken in turns: the machine's speed drifts
  double seconds[2] = {1e30, 1e30};
  engine::Usage usage;
  for (int round = 0; round < kRounds; ++round) {
    for (const bool guessing : {false, true}) {
      const Writing writing = Write(engine, prompt, script, guessing);
      seconds[guessing] = std::min(seconds[guessing], writing.seconds);
      if (guessing) usage = writing.usage;
    }
  }
  const double tokens = static_cast<double>(script.size()) - 1;
  figures.push_back({key + "_plain_tokens_per_s", tokens / seconds[0], what + ", without guesses"});
  figures.push_back({key + "_guessed_tokens_per_s", tokens / seconds[1], what + ", with guesses"});
  figures.push_back({key + "_speedup", seconds[0] / seconds[1], what + ", times faster"});
  figures.push_back({key + "_accepted_tokens", double(usage.accepted_prediction_tokens), "guesses that came true"});
  figures.push_back({key + "_rejected_tokens", double(usage.rejected_prediction_tokens), "guesses that did not"});
}

Figures Guess(const ScenarioOptions& o, const Progress& progress) {
  config::EngineConfig config = o.engine;
  config.prefix_caching = config.speculation = true;
  LoadedModel loaded = Load(config, progress);
  const int vocab = loaded.model->vocab_size();
  const std::vector<engine::TokenId> text = TextIds(o, vocab);
  const auto engine = Start(config, std::move(loaded.model), 2, 2 * static_cast<int>(text.size()) + 64);
  std::vector<engine::TokenId> changed = text;
  changed[text.size() / 2] = (changed[text.size() / 2] + 1) % vocab;
  std::mt19937 rng(1);
  Figures figures;
  progress("a text that is new");
  Compare(figures, "new", "a new text", *engine, RandomIds(32, vocab, rng), text);
  progress("a text that was in the prompt, with one change");
  Compare(figures, "copy", "a copy with one change", *engine, text, changed);
  return figures;
}

// --- context: one sequence at a depth.

Figures Context(const ScenarioOptions& o, const Progress& progress) {
  config::EngineConfig config = o.engine;
  config.threads = NumThreads(config);
  config.max_num_batched_tokens = std::max(config.max_num_batched_tokens, o.chunk);
  LoadedModel loaded = Load(config, progress);
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
  LoadedModel loaded = Load(o.engine, progress);
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

}  // namespace

void AddScenarios(CLI::App& bench, ScenarioOptions& o) {
  const auto add = [&](const char* name, const char* what) {
    CLI::App* scenario = bench.add_subcommand(name, what)->fallthrough();
    scenario->callback([&o, name] { o.name = name; });
    return scenario;
  };
  CLI::App* pace = add("pace", "a long prompt beside streams that run: what it does to them, and they to it");
  pace->add_option("--long-tokens", o.prompt_tokens, "tokens of the long prompt")->check(CLI::Range(64, 1 << 20));
  pace->add_option("--parallel", o.streams, "streams that run")->check(CLI::Range(1, 1024));
  pace->add_option("--itl-target-ms", o.itl_target_ms, "as puna serve has it")->check(CLI::Range(-1.0, 60000.0));
  add("steps", "a step of one sequence, by the number of its tokens");
  CLI::App* prefix = add("prefix", "a prompt whose beginning is in the cache, beside a bare step over what is new");
  prefix->add_option("--prefix-tokens", o.prompt_tokens, "tokens in the cache")->check(CLI::Range(64, 1 << 20));
  prefix->add_option("--new-tokens", o.new_tokens, "tokens behind them")->check(CLI::Range(1, 1 << 16));
  CLI::App* guess = add("guess", "speculation: a text written new, and as a copy with one change");
  guess->add_option("--text", o.text_file, "file that is written; the model computes, the ids are given")->required();
  guess->add_option("--tokenizer", o.tokenizer, "folder with tokenizer.json; default: the demo model's");
  guess->add_option("--tokens", o.generate, "tokens of it")->check(CLI::Range(64, 1 << 20));
  CLI::App* context = add("context", "decode and prefill behind a long context, beside the machine's limits");
  context->add_option("--context-tokens", o.depth, "tokens of the context")->check(CLI::Range(256, 1 << 24));
  context->add_option("--chunk", o.chunk, "prompt tokens of a step")->check(CLI::Range(16, 1 << 16));
}

std::vector<Figure> RunScenario(const ScenarioOptions& options, const Progress& progress) {
  if (options.name == "pace") return Pace(options, progress);
  if (options.name == "prefix") return Prefix(options, progress);
  if (options.name == "guess") return Guess(options, progress);
  if (options.name == "context") return Context(options, progress);
  if (options.name == "steps") return Steps(options, progress);
  throw std::runtime_error("bench: no scenario " + options.name);
}

}  // namespace puna::server
