#include "server/convert/pack.h"

#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "config/flags.h"
#include "config/help.h"
#include "engine/checkpoint/open_checkpoint.h"
#include "engine/model/packed_llama.h"
#include "server/host/machine_limits.h"
#include "server/host/progress.h"
#include "server/hub/locate_model.h"
#include "server/model/load_model.h"
#include "server/model/text_files.h"

namespace puna::server {
namespace {

constexpr char kPackText[] =
    R"(writes puna-packed.bin: the model's weights exactly as puna holds them in memory. puna serve maps such a file instead of
reading, rounding and packing the weights, and is ready in a second or two. No number changes by it.

  puna pack ~/models/Llama-3.2-3B-Instruct --weights w4a8
      puts the file beside the model's own; puna serve --model ~/models/Llama-3.2-3B-Instruct then uses it
  puna pack ~/models/Llama-3.2-3B-Instruct ~/models/3b-w4a8 --weights w4a8
      a folder of its own with the packed weights and the tokenizer: all that puna serve needs, in 2 GB
  puna pack random:llama-3.2-3b /tmp/random-3b --weights w4a8
      random weights, to measure with

It holds for every processor, and for this version of puna's packing: another version says so and asks to pack again. When a file
beside it changes, puna serve refuses to start until the model is packed again.
)";

std::filesystem::path OutFolder(const PackOptions& options) {
  std::error_code error;
  if (!options.out.empty()) return options.out;
  if (std::filesystem::is_directory(options.model, error)) return options.model;
  throw std::runtime_error("pack: " + options.model + " is no folder; say where the packed model goes: puna pack " +
                           options.model + " OUT");
}

}  // namespace

std::string PackModel(const PackOptions& options) {
  const std::filesystem::path folder = OutFolder(options);
  const engine::Checkpoint checkpoint = engine::OpenCheckpoint(options.model);
  std::filesystem::create_directories(folder);
  CopyTextFiles(TextFiles(options.model), folder.string());
  const std::string path = (folder / engine::kPackedFileName).string();
  Progress progress("packing");
  const engine::LlamaOptions llama{.weights = WeightsOf(options.weights),
                                   .isa = engine::ChooseIsa(options.isa),
                                   .threads = options.threads > 0 ? options.threads : ReadMachineLimits().fast_cpus};
  WritePackedLlama(checkpoint, path, engine::OriginsIn(folder.string()), llama,
                   [&](double share) { progress.Tell(share); });
  return path;
}

const config::OptionTable<PackOptions>& PackTable() {
  using O = PackOptions;
  using Use = config::Option::Use;
  static const config::OptionTable<O> table = {{
      {"model", "Arguments", "MODEL", "what --model of puna serve takes: a folder, a .gguf file, random:llama-3.2-3b",
       config::TextAt<&O::model>(), Use::kRequiredArgument},
      {"out", "Arguments", "OUT", "folder for the packed model; empty: the model's own folder",
       config::TextAt<&O::out>(), Use::kArgument},
      {"weights", "Options", "FORMAT", "how weights are held; auto: as the model has them",
       config::ChoiceAt<&O::weights>({"auto", "bf16", "w8a8", "w4a8"})},
      {"threads", "Options", "N", "threads that compute; 0: all that this process may use",
       config::IntegerAt<&O::threads>(0, 1024)},
  }};
  return table;
}

int RunPack(std::span<const std::string> arguments) {
  PackOptions options;
  if (!ReadOptions(PackTable(), arguments, options))
    return std::fputs(config::CommandHelp("puna pack", kPackText, PackTable().set()).c_str(), stdout), 0;
  options.model = LocateFiles(options.model);
  const std::string path = PackModel(options);
  std::printf("%s: %.2f GiB\n", path.c_str(), static_cast<double>(std::filesystem::file_size(path)) / 1073741824.0);
  std::printf("puna serve --model %s\n", std::filesystem::path(path).parent_path().c_str());
  return 0;
}

}  // namespace puna::server
