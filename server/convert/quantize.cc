#include "server/convert/quantize.h"

#include <cstdio>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "config/flags.h"
#include "config/help.h"
#include "engine/checkpoint/files/safetensors_writer.h"
#include "engine/checkpoint/open_checkpoint.h"
#include "engine/model/llama.h"
#include "server/convert/pack.h"
#include "server/host/log.h"
#include "server/host/machine_limits.h"
#include "server/host/progress.h"
#include "server/hub/locate_model.h"
#include "server/model/load_model.h"
#include "server/model/text_files.h"
#include "server/model/text_tokens.h"

namespace puna::server {
namespace {

constexpr char kQuantizeText[] =
    R"(writes a model in 8 or 4 bits: a Hugging Face folder in compressed-tensors' format, which puna and others read, and
puna-packed.bin, from which puna serve starts in a second.

  puna quantize ~/models/Llama-3.2-3B-Instruct ~/models/3b-w4a8
      4 bits in groups of 32 with rotations, 8-bit activations; no data needed; some minutes for a 3B
  puna quantize ~/models/Llama-3.2-3B-Instruct ~/models/3b-w4a8 --calibration chats.jsonl --report-text held-back.txt
      GPTQ: rounds so that the outputs on your own text change least, which keeps most of the quality; an hour or more for a 3B.
      Then says what it cost: perplexity and KL divergence against bf16 on a text that it was not calibrated on
  puna quantize ~/models/Llama-3.2-3B-Instruct ~/models/3b-w8a8 --scheme w8a8
      8 bits: twice the memory of 4 bits, hardly any loss

Texts are plain text, or a conversation a line in a .jsonl file: {"messages": [{"role": "user", "content": "..."}, ...]}.
A run that was interrupted goes on where it stopped when it is given again: finished layers in OUT are kept.

Rotations (SpinQuant) change no result before rounding, and leave fewer outliers to round: r1 turns the residual stream, r2 the
values of each head, r4 the input of down_proj (while the model runs). auto takes all three for w4a8, as measured best, and none
for w8a8. For other readers of compressed-tensors take --rotations r2,r4: r1 of a model whose head is its embedding table (Llama 3.2
1B and 3B) keeps that one table by turning the stream while the model runs, which only puna does.
)";

constexpr int kSequenceLength = 2048;
constexpr int kReportLength = 512;

int Threads(const QuantizeCommand& command) {
  return command.threads > 0 ? command.threads : ReadMachineLimits().fast_cpus;
}

engine::Rotations ParseRotations(const QuantizeCommand& command) {
  engine::Rotations rotations;
  if (command.rotations == "none" || (command.rotations == "auto" && command.scheme == "w8a8")) return rotations;
  std::istringstream names(command.rotations == "auto" ? "r1,r2,r4" : command.rotations);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "r1") {
      rotations.residual_seed = 1;
    } else if (name == "r2") {
      rotations.value_seed = 1000;
    } else if (name == "r4") {
      rotations.down_proj = true;
    } else {
      throw std::runtime_error("--rotations: expected auto, none, or some of r1,r2,r4, found \"" + name + "\"");
    }
  }
  return rotations;
}

engine::LlamaOptions ModelOptions(const QuantizeCommand& command, std::optional<engine::WeightFormat> weights) {
  return {.weights = weights,
          .isa = engine::ChooseIsa(command.isa),
          .threads = Threads(command),
          .max_batched_tokens = kQualityChunk};
}

std::string RotationsText(const engine::Rotations& r) {
  std::string text;
  for (const auto& [used, name] : {std::pair(r.residual_seed.has_value(), "r1"),
                                   std::pair(r.value_seed.has_value(), "r2"), std::pair(r.down_proj, "r4")}) {
    if (used) text += (text.empty() ? "" : ",") + std::string(name);
  }
  return text.empty() ? "none" : text;
}

void CheckOut(const QuantizeCommand& command) {
  const std::filesystem::path out(command.out);
  if (std::filesystem::exists(out / "config.json")) {
    throw std::runtime_error(command.out +
                             ": expected a new folder or one that puna quantize has begun, found a whole model; " +
                             "choose another folder, or delete this one");
  }
}

// Rotations that the model's sizes do not allow are left out, and that is said.
void NoteRotations(const engine::ModelConfig& config, const engine::Rotations& wanted) {
  const std::string asked = RotationsText(wanted);
  const std::string used = RotationsText(AllowedRotations(config, wanted));
  if (asked != used) {
    LogWarning("the model's sizes allow of the rotations " + asked + ": " + used +
               " (hidden_size and head_dim need a Hadamard matrix of their order, "
               "intermediate_size must be a power of two)");
  }
}

void PrintReport(const engine::QuantizeResult& result, const std::optional<Quality>& quality) {
  std::printf("relative error of the weights%s\n",
              result.layers.front()[0].outputs ? " / of the outputs on the calibration text" : "");
  std::printf("layer ");
  for (const engine::LinearName& linear : engine::kLinearNames) std::printf("%18s", linear.name);
  std::printf("\n");
  for (size_t n = 0; n < result.layers.size(); ++n) {
    std::printf("%5zu ", n);
    for (const engine::LinearError& error : result.layers[n]) {
      char text[40];
      std::snprintf(text, sizeof text, error.outputs ? "%.4f / %.4f" : "%.4f", error.weights,
                    error.outputs.value_or(0));
      std::printf("%18s", text);
    }
    std::printf("\n");
  }
  if (!quality) return;
  std::printf(
      "on %lld tokens: perplexity %.4f, bf16 %.4f; KL divergence from bf16 %.5f nats; same first "
      "choice %.2f %%\n",
      static_cast<long long>(quality->tokens), quality->perplexity, quality->reference_perplexity, quality->mean_kl,
      quality->top1_agreement * 100);
}

void Quantize(const QuantizeCommand& command) {
  CheckOut(command);
  const engine::Checkpoint checkpoint = OpenModel(command.model);
  const engine::FileSet files = TextFiles(command.model);
  engine::QuantizeOptions options = MakeQuantizeOptions(command);
  NoteRotations(checkpoint.config, options.rotations);
  std::vector<std::vector<engine::TokenId>> report;
  if (!command.calibration.empty() || !command.report_text.empty()) {
    const engine::Tokenizer tokenizer = LoadTokenizer(files, checkpoint.config.vocab_size);
    if (!command.calibration.empty())
      options.calibration =
          ReadTokens(command.calibration, files, tokenizer, kSequenceLength, command.calibration_tokens);
    if (!command.report_text.empty())
      report = ReadTokens(command.report_text, files, tokenizer, kReportLength, command.report_tokens);
  }
  std::filesystem::create_directories(command.out);
  CopyTextFiles(files, command.out);
  engine::QuantizeResult result;
  {
    Progress progress("quantizing");
    result = QuantizeCheckpoint(checkpoint, command.out, options,
                                [&](double share, const std::string&) { progress.Tell(share); });
  }
  if (result.layers_found > 0) LogInfo(std::to_string(result.layers_found) + " layers were done already");
  std::optional<Quality> quality;
  if (!report.empty()) {
    Progress progress("measuring the quality");
    quality = MeasureQuality(checkpoint, engine::OpenCheckpoint(command.out), report, command,
                             [&](double share) { progress.Tell(share); });
  }
  engine::WriteWholeFile(command.out + "/quantization_report.json", ReportJson(command, result, quality));
  if (command.pack) PackModel({.model = command.out, .out = "", .isa = command.isa, .threads = command.threads});
  PrintReport(result, quality);
  std::printf("puna serve --model %s\n", command.out.c_str());
}

}  // namespace

engine::QuantizeOptions MakeQuantizeOptions(const QuantizeCommand& command) {
  engine::QuantizeOptions options;
  options.bits = command.scheme == "w8a8" ? engine::Bits::kInt8 : engine::Bits::kInt4;
  options.rotations = ParseRotations(command);
  options.isa = engine::ChooseIsa(command.isa);
  options.threads = Threads(command);
  return options;
}

Quality MeasureQuality(const engine::Checkpoint& reference, const engine::Checkpoint& candidate,
                       const std::vector<std::vector<engine::TokenId>>& sequences, const QuantizeCommand& command,
                       const std::function<void(double)>& progress) {
  const auto exact = LoadLlama(reference, ModelOptions(command, engine::WeightFormat::kBf16), {});
  const auto rounded = LoadLlama(candidate, ModelOptions(command, std::nullopt), {});
  ReserveFor(*exact, sequences);
  ReserveFor(*rounded, sequences);
  return CompareModels(*exact, *rounded, sequences, progress);
}

const config::OptionTable<QuantizeCommand>& QuantizeTable() {
  using C = QuantizeCommand;
  using Use = config::Option::Use;
  static const config::OptionTable<C> table = {{
      {"model", "Arguments", "MODEL", "what --model of puna serve takes: a folder, a .gguf file, random:llama-3.2-3b",
       config::TextAt<&C::model>(), Use::kRequiredArgument},
      {"out", "Arguments", "OUT", "folder for the quantised model; new, or one where this was interrupted",
       config::TextAt<&C::out>(), Use::kRequiredArgument},
      {"scheme", "Options", "SCHEME",
       "w4a8: 4-bit weights in groups of 32; w8a8: 8-bit weights; both with 8-bit activations",
       config::ChoiceAt<&C::scheme>({"w8a8", "w4a8"})},
      {"rotations", "Options", "NAMES", "auto, none, or some of r1,r2,r4", config::TextAt<&C::rotations>()},
      {"calibration", "Options", "FILE", "text for GPTQ, best of the kind that the model will see",
       config::TextAt<&C::calibration>()},
      {"calibration_tokens", "Options", "N", "of it, at most; costs time, and memory for each",
       config::IntegerAt<&C::calibration_tokens>(64, 1 << 24)},
      {"report_text", "Options", "FILE",
       "text to measure perplexity and KL divergence on; needs memory for both models",
       config::TextAt<&C::report_text>()},
      {"report_tokens", "Options", "N", "of it, at most", config::IntegerAt<&C::report_tokens>(64, 1 << 24)},
      {"pack", "Options", "", "puna-packed.bin, too: without it less disk, and longer starts",
       config::SwitchAt<&C::pack>()},
      {"threads", "Options", "N", "threads that compute; 0: all that this process may use",
       config::IntegerAt<&C::threads>(0, 1024)},
  }};
  return table;
}

int RunQuantize(std::span<const std::string> arguments) {
  QuantizeCommand command;
  if (!ReadOptions(QuantizeTable(), arguments, command))
    return std::fputs(config::CommandHelp("puna quantize", kQuantizeText, QuantizeTable().set()).c_str(), stdout), 0;
  command.model = LocateFiles(command.model);
  Quantize(command);
  return 0;
}

}  // namespace puna::server
