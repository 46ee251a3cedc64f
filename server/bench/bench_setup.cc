#include "server/bench/bench_setup.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "server/hub/locate_model.h"
#include "server/model/kv_disk.h"
#include "server/model/text_files.h"

namespace puna::server {

engine::Tokenizer TokenizerForBench(const std::string& model) {
  const std::filesystem::path path = LocateFiles(model);
  if (std::filesystem::exists(path / "tokenizer.json") && !std::filesystem::exists(path / "config.json"))
    return engine::Tokenizer::FromFile(path / "tokenizer.json");
  return LoadTokenizer(TextFiles(path), OpenModel(path).config.vocab_size);
}

LoadedModel LoadForBench(const config::EngineConfig& config, const BenchProgress& progress) {
  return LoadModel(config, [&](double share) {
    progress("loading the model " + std::to_string(static_cast<int>(100 * share)) + " %");
  });
}

std::unique_ptr<engine::Engine> StartForBench(const config::EngineConfig& config, std::unique_ptr<engine::Model> model,
                                              int sequences, int length) {
  engine::EngineOptions options = MakeEngineOptions(config, *model);
  if (length > model->max_position()) {
    throw std::runtime_error("bench: " + std::to_string(length) + " tokens are more than this model's " +
                             std::to_string(model->max_position()));
  }
  options.max_model_len = length;
  options.num_blocks = sequences * (length / engine::kBlockSize + 2);
  options.max_num_seqs = std::max(options.max_num_seqs, sequences);
  options.kv_disk = OpenKvDisk(config);
  return std::make_unique<engine::Engine>(std::move(model), options);
}

}  // namespace puna::server
