#include "server/model/load_model.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>

#include "engine/checkpoint/open_checkpoint.h"
#include "engine/demo/demo_model.h"
#include "engine/model/footprint.h"
#include "engine/model/packed_llama.h"
#include "server/host/log.h"
#include "server/host/machine_limits.h"
#include "server/model/kv_budget.h"

namespace puna::server {
namespace {

// The packed file that stands for the model, or null.
std::shared_ptr<const engine::PackedFile> OpenPacked(const config::EngineConfig& config) {
  const std::filesystem::path model(config.model);
  const bool is_file = model.filename() == engine::kPackedFileName;
  const std::filesystem::path path = is_file ? model : model / engine::kPackedFileName;
  std::error_code error;
  if (config.model.empty() || !std::filesystem::exists(path, error)) return nullptr;
  auto packed = engine::PackedFile::Open(path.string());
  packed->CheckOrigins();
  const std::string& held = packed->info().weights;
  if (config.weights == "auto" || config.weights == held) return packed;
  if (is_file || packed->info().origins.empty()) {
    throw std::runtime_error(path.string() + ": expected weights in " + config.weights + " as --weights says, found " +
                             held + "; leave --weights out, or pack the original model again");
  }
  LogInfo(path.string() + " holds " + held + "; --weights " + config.weights + " is read from the files beside it");
  return nullptr;
}

engine::LlamaOptions OptionsOf(const config::EngineConfig& config) {
  engine::LlamaOptions options;
  options.weights = WeightsOf(config.weights);
  options.isa = engine::ChooseIsa(config.isa);
  options.threads = NumThreads(config);
  options.max_batched_tokens = config.max_num_batched_tokens;
  if (config.kv_cache_dtype == "int8") options.kv_dtype = engine::KvDtype::kInt8;
  return options;
}

std::string Gibibytes(size_t bytes) {
  char text[32];
  const double mib = static_cast<double>(bytes) / (1 << 20);
  std::snprintf(text, sizeof text, mib < 1000 ? "%.1f MiB" : "%.2f GiB", mib < 1000 ? mib : mib / 1024);
  return text;
}

// Where a file's own weights take more than a tenth more in memory than in the file: that, why, and what else there is. "":
// they do not, or the operator chose.
std::string SayWhatGrew(const engine::Checkpoint& checkpoint, engine::LlamaOptions options) {
  if (options.weights) return "";
  const size_t planned = PlannedWeightBytes(checkpoint, options), in_file = FileWeightBytes(checkpoint);
  if (planned <= in_file + in_file / 10) return "";
  std::string note = "the weights take " + Gibibytes(planned) + " in memory and " + Gibibytes(in_file) +
                     " in the file, because some are of a kind that is multiplied only in another form (" +
                     PlannedForms(checkpoint, options) + ")";
  for (const auto format : {engine::WeightFormat::kW8A8, engine::WeightFormat::kW4A8}) {
    options.weights = format;
    note += std::string("; --weights ") + Name(format) + ": " + Gibibytes(PlannedWeightBytes(checkpoint, options)) +
            ", rounded once more";
  }
  return note;
}

// One stream reads all weights for each of its tokens, so their size and the memory's speed say how fast it can be.
void SayWhatSmallerWeightsGive(const engine::Checkpoint& checkpoint, engine::LlamaOptions options,
                               engine::Model& model) {
  const double bandwidth = model.ReadBandwidth();
  if (bandwidth == 0) return;  // a model for tests
  const auto figures = [&](size_t bytes) {
    char text[64];
    std::snprintf(text, sizeof text, "%.1f GiB, %.1f tokens/s", static_cast<double>(bytes) / (1 << 30),
                  bandwidth / static_cast<double>(bytes));
    return std::string(text);
  };
  std::string line = "bf16 weights, as the model has them: " + figures(model.weight_bytes()) +
                     " a stream at most, by the " + std::to_string(std::lround(bandwidth / 1e9)) +
                     " GB/s that this machine reads";
  for (const auto format : {engine::WeightFormat::kW8A8, engine::WeightFormat::kW4A8}) {
    options.weights = format;
    line += std::string("; --weights ") + Name(format) + ": " + figures(PlannedWeightBytes(checkpoint, options));
  }
  LogInfo(line);
}

}  // namespace

engine::Checkpoint OpenModel(const std::string& model) {
  if (model == engine::kDemoDraft) return engine::OpenCheckpointFromMemory("puna-demo-draft", engine::DemoDraftFiles());
  if (!model.empty()) return engine::OpenCheckpoint(model);
  return engine::OpenCheckpointFromMemory("puna-demo", engine::DemoModelFiles());
}

std::optional<engine::WeightFormat> WeightsOf(const std::string& name) {
  for (const auto format : {engine::WeightFormat::kBf16, engine::WeightFormat::kW8A8, engine::WeightFormat::kW4A8}) {
    if (name == Name(format)) return format;
  }
  return std::nullopt;  // auto
}

int NumThreads(const config::EngineConfig& config) {
  return config.threads > 0 ? config.threads : ReadMachineLimits().fast_cpus;
}

int LongestSequence(const config::EngineConfig& config, int max_position) {
  return config.max_model_len > 0 ? std::min(config.max_model_len, max_position) : max_position;
}

ModelPlan PlanModel(const config::EngineConfig& config) {
  const engine::LlamaOptions options = OptionsOf(config);
  if (const auto packed = OpenPacked(config)) {
    const engine::PackedInfo& info = packed->info();
    return {info.name,
            info.weights + " (packed)",
            packed->file()->bytes().size(),
            PlannedKvBytesPerBlock(info.config, options),
            info.config.max_position_embeddings,
            info.config.vocab_size,
            {}};
  }
  const engine::Checkpoint checkpoint = OpenModel(config.model);
  std::vector<std::string> notes = checkpoint.notes;
  if (std::string grew = SayWhatGrew(checkpoint, options); !grew.empty()) notes.push_back(std::move(grew));
  return {checkpoint.name,
          PlannedForms(checkpoint, options),
          PlannedWeightBytes(checkpoint, options),
          PlannedKvBytesPerBlock(checkpoint.config, options),
          checkpoint.config.max_position_embeddings,
          checkpoint.config.vocab_size,
          std::move(notes)};
}

LoadedModel LoadModel(const config::EngineConfig& config, const engine::LoadProgress& progress) {
  const engine::LlamaOptions options = OptionsOf(config);
  const int64_t memory_left = ReadMachineLimits().memory_left;
  if (const auto packed = OpenPacked(config)) {
    const engine::PackedInfo& info = packed->info();
    CheckWeightsFit(info.name, info.weights, packed->file()->bytes().size(), memory_left);
    return {info.name, info.config, info.generation, LoadPackedLlama(packed, options, progress)};
  }
  const engine::Checkpoint checkpoint = OpenModel(config.model);
  for (const std::string& note : checkpoint.notes) LogWarning(checkpoint.name + ": " + note);
  if (const std::string grew = SayWhatGrew(checkpoint, options); !grew.empty()) {
    LogWarning(checkpoint.name + ": " + grew);
  }
  CheckWeightsFit(checkpoint.name, PlannedForms(checkpoint, options), PlannedWeightBytes(checkpoint, options),
                  memory_left);
  try {
    LoadedModel loaded{checkpoint.name, checkpoint.config, checkpoint.generation,
                       LoadLlama(checkpoint, options, progress)};
    if (!options.weights && loaded.model->Format() == Name(engine::WeightFormat::kBf16) &&
        SayWhatGrew(checkpoint, options).empty()) {
      SayWhatSmallerWeightsGive(checkpoint, options, *loaded.model);
    }
    return loaded;
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(checkpoint.name + ": its weights do not fit into memory (" +
                             std::to_string(ReadMachineLimits().memory_left >> 20) +
                             " MiB left); choose smaller --weights or raise the memory limit");
  }
}

engine::EngineOptions MakeEngineOptions(const config::EngineConfig& config, const engine::Model& model,
                                        const engine::DraftOptions& draft, int64_t request_memory) {
  const int longest = LongestSequence(config, model.max_position());
  if (config.max_model_len > longest) {
    LogWarning("max_model_len is " + std::to_string(config.max_model_len) + ", and the model ends at " +
               std::to_string(longest) + " tokens");
  }
  engine::EngineOptions options;
  // Mapped weights are here to stay, though the system counts their pages as free.
  int64_t memory_left = ReadMachineLimits().memory_left - static_cast<int64_t>(model.mapped_bytes()) -
                        KvDiskMemory(config, model.kv_bytes_per_block()) - AnswerMemory(config) -
                        RequestMemoryBeyondReserve(request_memory);
  size_t block_bytes = model.kv_bytes_per_block();
  if (draft.model) {  // it keeps something for each block, and windows
    const size_t draft_bytes = draft.model->kv_bytes_per_block();
    block_bytes += draft_bytes;
    memory_left -= static_cast<int64_t>(draft.model->mapped_bytes()) +
                   static_cast<int64_t>(draft_bytes) * engine::kDraftWindows * engine::DraftWindowBlocks(draft.window);
    options.draft = draft;
  }
  options.num_blocks = NumKvBlocks(config, block_bytes, longest, memory_left);
  options.max_num_seqs = config.max_num_seqs;
  options.max_num_batched_tokens = config.max_num_batched_tokens;
  options.max_waiting = config.max_waiting;
  options.max_model_len = longest;
  options.prefix_caching = config.prefix_caching;
  options.itl_target_ms = config.itl_target_ms;
  options.speculation = config.speculation;
  options.remembered_tokens = config.remembered_tokens;
  options.share_answers = config.share_answers;
  return options;
}

}  // namespace puna::server
