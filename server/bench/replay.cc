#include "server/bench/replay.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

#include "config/flags.h"
#include "config/help.h"
#include "server/bench/engine_rows.h"
#include "server/hub/locate_model.h"
#include "server/model/load_model.h"

namespace puna::server {
namespace {

constexpr unsigned kSeed = 1;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

// "model name" of the first processor that the system lists; "": it lists none.
std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

// A model with its engine, and what a run says of both.
struct Computer {
  explicit Computer(const config::EngineConfig& config) {
    LoadedModel loaded = LoadModel(config, [](double) {});
    head = {config.model,
            loaded.model->Format(),
            config.kv_cache_dtype,
            loaded.model->Fingerprint(),
            engine::Name(engine::ChooseIsa(config.isa)),
            ProcessorName(),
            {}};
    const engine::EngineOptions options = MakeEngineOptions(config, *loaded.model);
    engine = std::make_unique<engine::Engine>(std::move(loaded.model), options);
  }

  RecordedRun head;
  std::unique_ptr<engine::Engine> engine;
};

int Record(const ReplayOptions& options) {
  Computer computer(options.engine);
  RecordedRun run = computer.head;
  run.requests = MakeRequests(options.requests, options.new_tokens, computer.engine->limits().vocab_size, kSeed);
  Answer(*computer.engine, run.requests);
  std::ofstream file(options.file, std::ios::binary);
  file << ToText(run);
  if (!file.flush()) throw std::runtime_error(options.file + ": cannot be written");
  std::printf("%s: %d requests of %d tokens each, computed with %s\n", options.file.c_str(), options.requests,
              options.new_tokens, run.isa.c_str());
  return 0;
}

int Compare(const ReplayOptions& options) {
  const RecordedRun run = ParseRun(ReadAll(options.file));
  Computer computer(options.engine);
  const RecordedRun& head = computer.head;
  if (head.fingerprint != run.fingerprint)
    throw std::runtime_error(options.file + " is of another model: of " +
                             (run.model.empty() ? "the embedded one" : run.model) + ", " + run.weights +
                             " weights and KV cache " + run.kv_cache_dtype);
  std::vector<RecordedRequest> now = run.requests;
  Answer(*computer.engine, now);
  int different = 0;
  size_t tokens = 0;
  for (size_t i = 0; i < now.size(); ++i) {
    tokens += now[i].ids.size();
    const std::string difference = FirstDifference(run.requests[i], now[i]);
    if (!difference.empty()) std::printf("request %zu: %s\n", i, difference.c_str());
    different += !difference.empty();
  }
  std::printf("recorded with %s (%s), computed with %s (%s): %zu requests, %zu tokens, ", run.isa.c_str(),
              run.processor.c_str(), head.isa.c_str(), head.processor.c_str(), now.size(), tokens);
  different == 0 ? std::puts("equal to the bit") : std::printf("%d requests differ\n", different);
  return different == 0 ? 0 : 1;
}

}  // namespace

const char kReplayText[] =
    R"(computes recorded requests again and compares every id and every log-probability, bit by bit: what one machine answered with
one instruction set, another one answers with its own. Status 1: something differs. The model and how it is held must be the
recorded ones.

  puna replay --record run.jsonl --model MODEL --weights w4a8 --kv-cache-dtype int8     (on one machine)
  puna replay run.jsonl --model MODEL --weights w4a8 --kv-cache-dtype int8              (on another, or with --isa)
)";

const config::OptionTable<ReplayOptions>& ReplayTable() {
  using O = ReplayOptions;
  static const config::OptionTable<O> table = {
      EngineRows<O, &O::engine>(),
      {
          {"file", "Run", "FILE", "the recorded run", config::TextAt<&O::file>(),
           config::Option::Use::kRequiredArgument},
          {"record", "Run", "", "write FILE instead of comparing with it", config::SwitchAt<&O::record>()},
          {"requests", "Run", "N", "requests of a run to record", config::IntegerAt<&O::requests>(1, 1024)},
          {"generate", "Run", "TOKENS", "tokens of each answer to record", config::IntegerAt<&O::new_tokens>(1, 4096)},
      }};
  return table;
}

int RunReplay(std::span<const std::string> arguments) {
  ReplayOptions options;
  if (!ReadOptions(ReplayTable(), arguments, options))
    return std::fputs(config::CommandHelp("puna replay", kReplayText, ReplayTable().set()).c_str(), stdout), 0;
  options.engine.model = LocateFiles(options.engine.model);
  options.engine.threads = NumThreads(options.engine);
  return options.record ? Record(options) : Compare(options);
}

}  // namespace puna::server
