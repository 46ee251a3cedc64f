#include "server/bench_engine.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <random>
#include <stdexcept>

#include "engine/engine.h"
#include "engine/model/machine.h"
#include "server/load_model.h"

namespace puna::server {
namespace {

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}

engine::Request RandomRequest(int prompt_tokens, int new_tokens, int vocab_size,
                              std::mt19937& rng) {
  engine::Request request;
  for (int i = 0; i < prompt_tokens; ++i)
    request.prompt.push_back(static_cast<int>(rng() % vocab_size));
  request.sampling.temperature = 0;
  request.stop.max_new_tokens = new_tokens;
  request.stop.ignore_eos = true;
  return request;
}

engine::TokenReader Submit(engine::Engine& engine, engine::Request request) {
  auto reader = engine.Submit(std::move(request));
  if (!reader) throw std::runtime_error("bench: the engine took no request");
  return std::move(*reader);
}

// Seconds until a prompt's first token, the better of two runs (the first one touches fresh
// memory).
double FirstTokenSeconds(engine::Engine& engine, int prompt_tokens, std::mt19937& rng) {
  double best = 1e30;
  for (int run = 0; run < 2; ++run) {
    const double start = Seconds();
    auto reader = Submit(engine, RandomRequest(prompt_tokens, 1, engine.limits().vocab_size, rng));
    while (reader.Wait(std::chrono::seconds(1)).empty()) {
    }
    best = std::min(best, Seconds() - start);
  }
  return best;
}

struct Stream {
  engine::TokenReader reader;
  int tokens = 0;
  bool ended = false;
};

// Takes what one stream has; returns whether it is still running.
void Drain(Stream& stream, std::chrono::milliseconds wait) {
  for (const engine::TokenEvent& event : stream.reader.Wait(wait)) {
    stream.tokens += event.kind == engine::TokenEvent::Kind::kToken;
    stream.ended |= event.kind == engine::TokenEvent::Kind::kEnd;
  }
}

double Percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1,
                         static_cast<size_t>(share * static_cast<double>(values.size())))];
}

// All streams begin together; the clock runs from the step in which the last of them has its first
// token.
DecodeFigures Decode(engine::Engine& engine, const EngineBenchOptions& options, int count,
                     std::mt19937& rng) {
  std::vector<Stream> streams;
  for (int i = 0; i < count; ++i) {
    streams.push_back({Submit(engine, RandomRequest(options.depth, options.generate_tokens + 1,
                                                    engine.limits().vocab_size, rng)),
                       0, false});
  }
  for (Stream& stream : streams) {
    while (stream.tokens == 0) Drain(stream, std::chrono::seconds(1));
  }
  const auto total = [&] {
    int tokens = 0;
    for (Stream& stream : streams) {
      Drain(stream, std::chrono::milliseconds(0));
      tokens += stream.tokens;
    }
    return tokens;
  };
  const int first = total();
  const double start = Seconds();
  std::vector<double> gaps;
  double last = start;
  for (Stream& watched = streams.back(); !watched.ended;) {
    const int before = watched.tokens;
    Drain(watched, std::chrono::seconds(1));
    const double now = Seconds();
    for (int i = before; i < watched.tokens; ++i)
      gaps.push_back((now - last) / (watched.tokens - before));
    last = now;
  }
  DecodeFigures figures;
  figures.streams = count;
  figures.tokens_per_s = (total() - first) / (last - start);
  figures.inter_token_ms_p50 = 1e3 * Percentile(gaps, 0.5);
  figures.inter_token_ms_p99 = 1e3 * Percentile(gaps, 0.99);
  for (Stream& stream : streams) {
    while (!stream.ended) Drain(stream, std::chrono::seconds(1));
  }
  return figures;
}

// Multiply-adds of one prompt: all linear layers for every token, attention over what each token
// sees, the head once.
double PromptOperations(const engine::ModelConfig& c, double tokens) {
  const double h = c.hidden_size, d = c.head_dim;
  const double layer = h * d * (2.0 * c.num_attention_heads + 2.0 * c.num_key_value_heads) +
                       3.0 * h * c.intermediate_size;
  const double attention = 2.0 * c.num_attention_heads * d * (tokens + 1) / 2;
  return 2.0 * (c.num_hidden_layers * tokens * (layer + attention) + h * c.vocab_size);
}

}  // namespace

EngineBenchResult RunEngineBench(const EngineBenchOptions& options,
                                 const std::function<void(const std::string&)>& progress) {
  EngineBenchResult result;
  config::EngineConfig config = options.engine;
  config.threads = NumThreads(config);
  const int widest = *std::max_element(options.streams.begin(), options.streams.end());
  config.max_num_seqs = std::max(config.max_num_seqs, widest);
  const double loading = Seconds();
  LoadedModel loaded = LoadModel(config, [&](double share) {
    progress("loading the model " + std::to_string(static_cast<int>(100 * share)) + " %");
  });
  result.load_seconds = Seconds() - loading;
  result.model = config.model.empty() ? loaded.name : config.model;
  result.weights = loaded.model->Format();
  result.isa = engine::Name(engine::ChooseIsa(config.isa));
  result.threads = config.threads;
  result.prompt_tokens = options.prompt_tokens;
  result.weights_bytes = static_cast<int64_t>(loaded.model->weight_bytes());

  progress("measuring this machine");
  engine::MachinePeaks peaks = engine::MeasureMachine(config.threads);

  engine::EngineOptions engine_options = MakeEngineOptions(config, *loaded.model);
  const int longest =
      std::max(options.prompt_tokens + 2, options.depth + options.generate_tokens + 2);
  if (longest > engine_options.max_model_len) {
    throw std::runtime_error("bench: " + std::to_string(longest) +
                             " tokens are more than this model's " +
                             std::to_string(engine_options.max_model_len));
  }
  engine_options.num_blocks = widest * (longest / engine::kBlockSize + 2);
  engine_options.prefix_caching = false;  // every run computes everything
  engine_options.speculation = false;  // random weights repeat themselves: a guess would flatter us
  const double kv_per_token =
      static_cast<double>(loaded.model->kv_bytes_per_block()) / engine::kBlockSize;
  result.kv_bytes =
      static_cast<int64_t>(loaded.model->kv_bytes_per_block()) * engine_options.num_blocks;
  engine::Engine engine(std::move(loaded.model), engine_options);
  std::mt19937 rng(1);

  progress("prefill of " + std::to_string(options.prompt_tokens) + " tokens");
  const double first_token = FirstTokenSeconds(engine, options.prompt_tokens, rng);
  result.time_to_first_token_ms = 1e3 * first_token;
  result.prefill_tokens_per_s = options.prompt_tokens / first_token;
  for (const int streams : options.streams) {
    progress("decode, " + std::to_string(streams) + (streams == 1 ? " stream" : " streams"));
    result.decode.push_back(Decode(engine, options, streams, rng));
  }
  result.resident_bytes = ResidentBytes();
  progress("measuring this machine once more");  // the better of both, so that no share is
                                                 // flattered by a bad minute
  const engine::MachinePeaks again = engine::MeasureMachine(config.threads);
  result.read_bandwidth_bytes_per_s = std::max(peaks.read_bytes_per_s, again.read_bytes_per_s);
  result.bf16_peak_flops = std::max(peaks.bf16_flops, again.bf16_flops);
  result.int8_peak_ops = std::max(peaks.int8_ops, again.int8_ops);
  const double peak = result.weights == "bf16" ? result.bf16_peak_flops : result.int8_peak_ops;
  if (peak > 0) {
    result.prefill_share_of_peak =
        PromptOperations(loaded.config, options.prompt_tokens) / first_token / peak;
  }
  for (DecodeFigures& figures : result.decode) {
    const double depth = options.depth + options.generate_tokens / 2.0;
    figures.bytes_per_step =
        static_cast<double>(result.weights_bytes) + figures.streams * depth * kv_per_token;
    figures.share_of_bandwidth = figures.bytes_per_step / (figures.inter_token_ms_p50 / 1e3) /
                                 result.read_bandwidth_bytes_per_s;
  }
  return result;
}

}  // namespace puna::server
