#include "server/bench/bench_quality.h"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

#include "engine/checkpoint/open_checkpoint.h"
#include "engine/quantize/planted_outliers.h"
#include "server/host/machine_limits.h"
#include "server/hub/locate_model.h"
#include "server/model/load_model.h"
#include "server/model/text_files.h"
#include "server/model/text_tokens.h"

namespace puna::server {
namespace {

using Sequences = std::vector<std::vector<engine::TokenId>>;

// A row of the table: how the model is rounded.
struct Variant {
  const char* name;
  const char* scheme;  // empty: bf16
  const char* rotations;
  bool calibrated;
  bool int8_kv;
};

constexpr Variant kVariants[] = {
    {"bf16", "", "none", false, false},
    {"bf16, int8 KV cache", "", "none", false, true},
    {"w8a8", "w8a8", "none", false, false},
    {"w8a8, R1 R2 R4", "w8a8", "r1,r2,r4", false, false},
    {"w4a8", "w4a8", "none", false, false},
    {"w4a8, R2 R4", "w4a8", "r2,r4", false, false},
    {"w4a8, R1 R2 R4", "w4a8", "r1,r2,r4", false, false},
    {"w4a8, GPTQ", "w4a8", "none", true, false},
    {"w4a8, R2 R4, GPTQ", "w4a8", "r2,r4", true, false},
    {"w4a8, R1 R2 R4, GPTQ", "w4a8", "r1,r2,r4", true, false},
    {"w4a8, R1 R2 R4, GPTQ, int8 KV cache", "w4a8", "r1,r2,r4", true, true},
};

// A folder of its own below the temporary one, removed at the end.
class WorkFolder {
 public:
  WorkFolder() {
    path_ = std::filesystem::temp_directory_path() / ("puna-bench-quality-" + std::to_string(std::random_device()()));
    std::filesystem::create_directories(path_);
  }
  ~WorkFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  WorkFolder(const WorkFolder&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

class QualityBench {
 public:
  QualityBench(const QualityBenchOptions& options, float outliers) : options_(options), outliers_(outliers) {
    const engine::FileSet files = TextFiles(options.command.model);
    const engine::Tokenizer tokenizer = LoadTokenizer(files, OpenModel(options.command.model).config.vocab_size);
    constexpr int kLength = 512;
    text_ = ReadTokens(options.command.report_text, files, tokenizer, kLength, options.command.report_tokens);
    if (!options.command.calibration.empty()) {
      calibration_ =
          ReadTokens(options.command.calibration, files, tokenizer, kLength, options.command.calibration_tokens);
    }
    reference_ = Load(Open(), engine::WeightFormat::kBf16, false);
  }

  Quality Measure(const Variant& variant) {
    if (variant.scheme[0] == '\0') {
      const auto candidate = Load(Open(), engine::WeightFormat::kBf16, variant.int8_kv);
      return CompareModels(*reference_, *candidate, text_, {});
    }
    QuantizeCommand command = options_.command;
    command.scheme = variant.scheme;
    command.rotations = variant.rotations;
    engine::QuantizeOptions quantize = MakeQuantizeOptions(command);
    if (variant.calibrated) quantize.calibration = calibration_;
    const WorkFolder folder;
    QuantizeCheckpoint(Open(), folder.path(), quantize, {});
    const auto candidate = Load(engine::OpenCheckpoint(folder.path()), std::nullopt, variant.int8_kv);
    return CompareModels(*reference_, *candidate, text_, {});
  }

  bool can_calibrate() const { return !calibration_.empty(); }

 private:
  engine::Checkpoint Open() const {
    engine::Checkpoint checkpoint = OpenModel(options_.command.model);
    return outliers_ == 1 ? std::move(checkpoint) : PlantOutliers(std::move(checkpoint), outliers_);
  }

  std::unique_ptr<engine::Model> Load(const engine::Checkpoint& checkpoint, std::optional<engine::WeightFormat> weights,
                                      bool int8_kv) const {
    engine::LlamaOptions llama;
    llama.weights = weights;
    llama.isa = engine::ChooseIsa(options_.command.isa);
    llama.threads = options_.command.threads > 0 ? options_.command.threads : ReadMachineLimits().fast_cpus;
    llama.max_batched_tokens = kQualityChunk;
    llama.kv_dtype = int8_kv ? engine::KvDtype::kInt8 : engine::KvDtype::kBf16;
    auto model = LoadLlama(checkpoint, llama, {});
    ReserveFor(*model, text_);
    return model;
  }

  const QualityBenchOptions& options_;
  float outliers_;
  Sequences text_, calibration_;
  std::unique_ptr<engine::Model> reference_;
};

void PrintRow(const Variant& variant, const Quality& q) {
  std::printf("| %s | %.4f | %.6f | %.2f %% |\n", variant.name, q.perplexity, q.mean_kl, q.top1_agreement * 100);
  std::fflush(stdout);
}

nlohmann::ordered_json RowJson(const Variant& variant, float outliers, const Quality& q) {
  return {{"variant", variant.name},    {"outliers", outliers},      {"tokens", q.tokens},
          {"perplexity", q.perplexity}, {"mean_kl_nats", q.mean_kl}, {"top1_agreement", q.top1_agreement}};
}

}  // namespace

const char kQualityBenchText[] =
    R"(what every weight format, rotation and way of rounding costs, against bf16: perplexity and KL divergence.

  puna bench quality --text engine/demo/heldback.jsonl --calibration calibration.jsonl
  puna bench quality --model ~/models/Llama-3.2-1B-Instruct --text held-back.txt --calibration chats.jsonl
)";

const config::OptionTable<QualityBenchOptions>& QualityBenchTable() {
  using O = QualityBenchOptions;
  using C = QuantizeCommand;
  static const config::OptionTable<O> table = {{
      {"model", "Options", "MODEL", "what puna serve takes; empty: the embedded demo model",
       config::TextAt<&O::command, &C::model>()},
      {"text", "Options", "FILE", "text to measure on: plain, or a conversation a line in a .jsonl file",
       config::TextAt<&O::command, &C::report_text>(), config::Option::Use::kRequiredFlag},
      {"tokens", "Options", "N", "of it, at most", config::IntegerAt<&O::command, &C::report_tokens>(64, 1 << 24)},
      {"calibration", "Options", "FILE", "text for GPTQ, another one; empty: no rows with GPTQ",
       config::TextAt<&O::command, &C::calibration>()},
      {"calibration_tokens", "Options", "N", "of it, at most",
       config::IntegerAt<&O::command, &C::calibration_tokens>(64, 1 << 24)},
      {"outliers", "Options", "FACTOR",
       "measure again with every 32nd channel that many times larger, which leaves the model's function as it is; a "
       "power "
       "of two; 1: do not",
       config::NumberAt<&O::outliers>(1, 65536)},
      {"threads", "Options", "N", "threads that compute; 0: all that this process may use",
       config::IntegerAt<&O::command, &C::threads>(0, 1024)},
      {"json", "Options", "", "print one JSON array", config::SwitchAt<&O::json>()},
  }};
  return table;
}

int RunQualityBench(QualityBenchOptions options) {
  if (std::exp2(std::round(std::log2(options.outliers))) != options.outliers) {
    throw std::runtime_error("--outliers: expected a power of two, so that only rounding sees a difference, found " +
                             std::to_string(options.outliers));
  }
  options.command.model = LocateFiles(options.command.model);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const float outliers : {1.0f, static_cast<float>(options.outliers)}) {
    if (outliers == 1 && !rows.empty()) break;
    QualityBench bench(options, outliers);
    if (!options.json) {
      std::printf(
          "%s\n| weights | perplexity | KL from bf16, nats | same first choice "
          "|\n|---|--:|--:|--:|\n",
          outliers == 1 ? "as it is:" : "\nwith planted outliers:");
    }
    for (const Variant& variant : kVariants) {
      if (variant.calibrated && !bench.can_calibrate()) continue;
      const Quality quality = bench.Measure(variant);
      rows.push_back(RowJson(variant, outliers, quality));
      if (!options.json) PrintRow(variant, quality);
    }
  }
  if (options.json) std::puts(rows.dump(2).c_str());
  return 0;
}

}  // namespace puna::server
