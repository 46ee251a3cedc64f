#include "server/bench/bench_engine.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>

#include "engine/base/percentile.h"
#include "engine/engine.h"
#include "engine/layers/machine_peaks.h"
#include "engine/layers/matmul_peak.h"
#include "server/bench/bench_stream.h"
#include "server/model/load_model.h"

namespace puna::server {
namespace {

engine::Request RandomRequest(int prompt_tokens, int new_tokens, int vocab_size, std::mt19937& rng) {
  engine::Request request;
  for (int i = 0; i < prompt_tokens; ++i) request.prompt.push_back(static_cast<int>(rng() % vocab_size));
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
    const double start = SecondsNow();
    auto reader = Submit(engine, RandomRequest(prompt_tokens, 1, engine.limits().vocab_size, rng));
    while (reader.Wait(std::chrono::seconds(1)).empty()) {
    }
    best = std::min(best, SecondsNow() - start);
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

// All streams begin together; the clock runs from the step in which the last of them has its first
// token.
DecodeFigures Decode(engine::Engine& engine, const EngineBenchOptions& options, int count, std::mt19937& rng) {
  std::vector<Stream> streams;
  for (int i = 0; i < count; ++i) {
    streams.push_back(
        {Submit(engine, RandomRequest(options.depth, options.generate_tokens + 1, engine.limits().vocab_size, rng)), 0,
         false});
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
  const double start = SecondsNow();
  std::vector<double> gaps;
  double last = start;
  for (Stream& watched = streams.back(); !watched.ended;) {
    const int before = watched.tokens;
    Drain(watched, std::chrono::seconds(1));
    const double now = SecondsNow();
    for (int i = before; i < watched.tokens; ++i) gaps.push_back((now - last) / (watched.tokens - before));
    last = now;
  }
  if (gaps.empty()) {
    throw std::runtime_error("bench: " + std::to_string(options.generate_tokens) +
                             " tokens a stream were over before they could be timed; a larger --generate is needed");
  }
  DecodeFigures figures;
  figures.streams = count;
  figures.tokens_per_s = (total() - first) / (last - start);
  figures.inter_token_ms_p50 = 1e3 * engine::Median(gaps);
  figures.inter_token_ms_p99 = 1e3 * engine::Percentile(gaps, 0.99);
  for (Stream& stream : streams) {
    while (!stream.ended) Drain(stream, std::chrono::seconds(1));
  }
  return figures;
}

// Two operations for each multiply-add of one token's linear layers, without the head.
double LayerOperations(const engine::ModelConfig& c) {
  const double h = c.hidden_size, d = c.head_dim;
  const double layer =
      h * d * (2.0 * c.num_attention_heads + 2.0 * c.num_key_value_heads) + 3.0 * h * c.intermediate_size;
  return 2.0 * c.num_hidden_layers * layer;
}

// Of one token's attention to `positions`.
double AttentionOperations(const engine::ModelConfig& c, double positions) {
  return 4.0 * c.num_hidden_layers * c.num_attention_heads * c.head_dim * positions;
}

double HeadOperations(const engine::ModelConfig& c) { return 2.0 * c.hidden_size * c.vocab_size; }

// Of one prompt: all linear layers for every token, attention over what each token sees, the head once.
double PromptOperations(const engine::ModelConfig& c, double tokens) {
  return tokens * (LayerOperations(c) + AttentionOperations(c, (tokens + 1) / 2)) + HeadOperations(c);
}

// Of one token that is decoded at this depth.
double TokenOperations(const engine::ModelConfig& c, double depth) {
  return LayerOperations(c) + AttentionOperations(c, depth) + HeadOperations(c);
}

// The model, its engine, and the figures so far.
class EngineBench {
 public:
  EngineBench(const EngineBenchOptions& options, const std::function<void(const std::string&)>& progress)
      : options_(options), progress_(progress) {}

  EngineBenchResult Run() {
    config::EngineConfig config = options_.engine;
    config.threads = NumThreads(config);
    engine::LimitPeaksTo(engine::ChooseIsa(config.isa));
    Start(config);
    {
      engine::MachineMeter meter(config.threads);
      Prefill(meter);
      for (const int streams : options_.streams) DecodeStreams(meter, streams);
    }
    result_.resident_bytes = ResidentBytes();
    return result_;
  }

 private:
  int widest() const { return *std::max_element(options_.streams.begin(), options_.streams.end()); }

  void Start(config::EngineConfig config) {
    config.max_num_seqs = std::max(config.max_num_seqs, widest());
    const double loading = SecondsNow();
    LoadedModel loaded = LoadModel(config, [&](double share) {
      progress_("loading the model " + std::to_string(static_cast<int>(100 * share)) + " %");
    });
    result_.load_seconds = SecondsNow() - loading;
    result_.model = config.model.empty() ? loaded.name : config.model;
    result_.weights = loaded.model->Format();
    result_.kernels = loaded.model->Kernels();
    result_.isa = engine::Name(engine::ChooseIsa(config.isa));
    result_.threads = config.threads;
    result_.prompt_tokens = options_.prompt_tokens;
    result_.weights_bytes = static_cast<int64_t>(loaded.model->weight_bytes());
    shape_ = loaded.config;
    StartEngine(config, std::move(loaded.model));
  }

  void StartEngine(const config::EngineConfig& config, std::unique_ptr<engine::Model> model) {
    engine::EngineOptions options = MakeEngineOptions(config, *model);
    const int decoding = options_.depth + options_.generate_tokens + 2;
    const int longest = std::max(options_.prompt_tokens + 2, decoding);
    if (longest > options.max_model_len) {
      throw std::runtime_error("bench: " + std::to_string(longest) + " tokens are more than this model's " +
                               std::to_string(options.max_model_len));
    }
    options.num_blocks = std::max(longest / engine::kBlockSize + 2, widest() * (decoding / engine::kBlockSize + 2));
    options.max_model_len = longest;
    options.prefix_caching = false;  // every run computes everything
    options.itl_target_ms = 0;       // all streams begin at once: puna bench pace measures the other case
    options.speculation = false;     // random weights repeat themselves: a guess would flatter us
    result_.kv_bytes = static_cast<int64_t>(model->kv_bytes_per_block()) * options.num_blocks;
    kv_bytes_per_token_ = static_cast<double>(model->kv_bytes_per_block()) / engine::kBlockSize;
    engine_ = std::make_unique<engine::Engine>(std::move(model), options);
  }

  void Prefill(engine::MachineMeter& meter) {
    progress_("prefill of " + std::to_string(options_.prompt_tokens) + " tokens");
    double floats = meter.FloatPeak();
    double int8 = meter.Int8Peak();
    const double panel = PanelPeak(meter);
    const double seconds = FirstTokenSeconds(*engine_, options_.prompt_tokens, rng_);
    floats = (floats + meter.FloatPeak()) / 2;
    int8 = (int8 + meter.Int8Peak()) / 2;
    result_.panel_peak_ops = (panel + PanelPeak(meter)) / 2;
    result_.time_to_first_token_ms = 1e3 * seconds;
    result_.prefill_tokens_per_s = options_.prompt_tokens / seconds;
    (meter.has_bf16() ? result_.bf16_peak_flops : result_.f32_peak_flops) = floats;
    result_.int8_peak_ops = int8;
    result_.prefill_share_of_peak = PromptOperations(shape_, options_.prompt_tokens) / seconds / result_.peak();
  }

  double PanelPeak(engine::MachineMeter& meter) const {
    for (const auto format : {engine::WeightFormat::kBf16, engine::WeightFormat::kW8A8, engine::WeightFormat::kW4A8}) {
      if (result_.weights == engine::Name(format))
        return meter.PanelPeak(format, engine::ChooseIsa(options_.engine.isa));
    }
    return 0;
  }

  void DecodeStreams(engine::MachineMeter& meter, int streams) {
    progress_("decode, " + std::to_string(streams) + (streams == 1 ? " stream" : " streams"));
    const double before = meter.ReadBandwidth();
    DecodeFigures figures = Decode(*engine_, options_, streams, rng_);
    figures.bandwidth_before = before;
    figures.bandwidth_after = meter.ReadBandwidth();
    const double bandwidth = (figures.bandwidth_before + figures.bandwidth_after) / 2;
    const double depth = options_.depth + options_.generate_tokens / 2.0;
    figures.bytes_per_step = static_cast<double>(result_.weights_bytes) + streams * depth * kv_bytes_per_token_;
    figures.operations_per_step = streams * TokenOperations(shape_, depth);
    const double step = figures.inter_token_ms_p50 / 1e3;
    const double reading = figures.bytes_per_step / bandwidth;
    const double computing = figures.operations_per_step / result_.peak();
    figures.reading_is_the_limit = reading >= computing;
    figures.share_of_bandwidth = reading / step;
    figures.share_of_limit = std::max(reading, computing) / step;
    if (result_.decode.empty()) result_.read_bandwidth_bytes_per_s = bandwidth;
    result_.decode.push_back(figures);
  }

  const EngineBenchOptions& options_;
  const std::function<void(const std::string&)>& progress_;
  EngineBenchResult result_;
  engine::ModelConfig shape_;
  double kv_bytes_per_token_ = 0;
  std::unique_ptr<engine::Engine> engine_;
  std::mt19937 rng_{1};
};

}  // namespace

EngineBenchResult RunEngineBench(const EngineBenchOptions& options,
                                 const std::function<void(const std::string&)>& progress) {
  return EngineBench(options, progress).Run();
}

}  // namespace puna::server
