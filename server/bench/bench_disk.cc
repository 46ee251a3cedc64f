#include "server/bench/bench_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "engine/base/percentile.h"
#include "server/bench/bench_stream.h"

namespace puna::server {
namespace {

using PromptIds = std::vector<engine::TokenId>;

constexpr double kMilliseconds = 1e3;
constexpr std::chrono::seconds kFlush{120};
constexpr std::chrono::milliseconds kTick{2};
constexpr size_t kReadBytes = size_t{8} << 20;  // as the cache reads

// A folder for one run, below the one that was named.
class BenchFolder {
 public:
  explicit BenchFolder(const std::string& parent) : path_((parent.empty() ? "." : parent) + "/puna-bench-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("bench: no folder can be made in " + parent);
  }
  ~BenchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  BenchFolder(const BenchFolder&) = delete;
  const std::string& path() const { return path_; }

  std::vector<std::string> Segments() const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      if (entry.path().extension() == ".kv") files.push_back(entry.path().string());
    }
    return files;
  }

  // Has the system read them from the disk again.
  void DropPages() const {
    for (const std::string& file : Segments()) {
      const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
      fdatasync(fd);
      posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
      close(fd);
    }
  }

  // Bytes a second of a plain read of all of them, from the disk.
  double ReadRate() const {
    DropPages();
    std::vector<char> buffer(kReadBytes);
    double bytes = 0;
    const double start = SecondsNow();
    for (const std::string& file : Segments()) {
      const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
      for (ssize_t n; (n = read(fd, buffer.data(), buffer.size())) > 0;) bytes += static_cast<double>(n);
      close(fd);
    }
    const double seconds = SecondsNow() - start;
    DropPages();
    if (bytes == 0) throw std::runtime_error("bench: nothing was written to the disk");
    return bytes / seconds;
  }

 private:
  std::string path_;
};

config::EngineConfig WithDisk(const ScenarioOptions& o, const BenchFolder& folder) {
  config::EngineConfig config = o.engine;
  config.prefix_caching = true;
  config.speculation = false;
  config.kv_disk_path = folder.path();
  return config;
}

void AwaitDisk(const engine::Engine& engine) {
  while (!engine.stats().disk.ready) std::this_thread::sleep_for(kTick);
}

struct FirstAnswer {
  double seconds = 0;  // to the first token
  engine::Usage usage;
};

FirstAnswer FirstToken(engine::Engine& engine, PromptIds prompt) {
  const BenchStream stream(engine, BenchRequest(std::move(prompt), 1));
  FirstAnswer answer;
  answer.usage = stream.AwaitEnd();
  answer.seconds = stream.Times().at(0) - stream.submitted();
  return answer;
}

double MedianWarm(engine::Engine& engine, const PromptIds& prompt, int runs) {
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) seconds.push_back(FirstToken(engine, prompt).seconds);
  return engine::Median(seconds);
}

// Sends the prompt, and leaves when this share of it is computed. Tokens that were.
int GiveUpAt(engine::Engine& engine, const PromptIds& prompt, double share) {
  const auto watching = engine.Watch();
  const auto wanted = static_cast<int>(share * static_cast<double>(prompt.size()));
  const uint64_t before = engine.stats().steps;
  int computed = 0;
  {
    const BenchStream stream(engine, BenchRequest(prompt, 1));
    while (computed < wanted && stream.Times().empty()) {
      std::this_thread::sleep_for(kTick);
      const engine::EngineView view = engine.view();
      if (view.steps > before && view.num_sequences > 0) computed = view.sequences[0].computed_tokens;
    }
  }
  while (engine.stats().running > 0) std::this_thread::sleep_for(kTick);
  return computed;
}

}  // namespace

std::vector<Figure> BenchRestart(const ScenarioOptions& o, const BenchProgress& progress) {
  constexpr int kRuns = 5;
  const BenchFolder folder(o.disk_path);
  const config::EngineConfig config = WithDisk(o, folder);
  std::mt19937 rng(1);
  PromptIds prompt;
  double cold = 0, warm = 0;
  {
    LoadedModel loaded = LoadForBench(config, progress);
    prompt = RandomIds(o.prompt_tokens, loaded.model->vocab_size(), rng);
    const auto engine = StartForBench(config, std::move(loaded.model), 2, o.prompt_tokens + 2);
    AwaitDisk(*engine);
    progress("the prompt, cold");
    cold = FirstToken(*engine, prompt).seconds;
    progress("the prompt, from memory");
    warm = MedianWarm(*engine, prompt, kRuns);
    engine->Drain(kFlush);
  }
  progress("reading the disk");
  const double rate = folder.ReadRate();
  LoadedModel loaded = LoadForBench(config, progress);
  const double block_bytes = static_cast<double>(loaded.model->kv_bytes_per_block());
  const auto engine = StartForBench(config, std::move(loaded.model), 2, o.prompt_tokens + 2);
  AwaitDisk(*engine);
  folder.DropPages();
  progress("the prompt, from the disk");
  const FirstAnswer again = FirstToken(*engine, prompt);
  const double bytes = block_bytes * again.usage.disk_tokens / engine::kBlockSize;
  return {{"cold_first_token_ms", kMilliseconds * cold, "first token of the prompt, nothing cached"},
          {"warm_first_token_ms", kMilliseconds * warm, "the same prompt from memory, median"},
          {"restart_first_token_ms", kMilliseconds * again.seconds, "from the disk, by another engine, pages dropped"},
          {"disk_tokens", static_cast<double>(again.usage.disk_tokens), "tokens that came from the disk"},
          {"disk_bytes", bytes, "keys and values of them"},
          {"disk_read_bytes_per_s", rate, "a plain read of the cache's files, right before"},
          {"reading_ms", kMilliseconds * bytes / rate, "those bytes at that rate"},
          {"ratio", (again.seconds - bytes / rate) / warm, "(from the disk - reading) / from memory"},
          {"share_of_cold", again.seconds / cold, "from the disk / cold"}};
}

std::vector<Figure> BenchDiskCost(const ScenarioOptions& o, const BenchProgress& progress) {
  constexpr int kRounds = 12, kNew = 32;
  const BenchFolder folder(o.disk_path);
  const config::EngineConfig with_disk = WithDisk(o, folder);
  config::EngineConfig without = with_disk;
  without.kv_disk_path.clear();
  std::mt19937 rng(1);
  std::vector<std::unique_ptr<engine::Engine>> engines;
  for (const config::EngineConfig& config : {without, with_disk}) {
    LoadedModel loaded = LoadForBench(config, progress);
    engines.push_back(StartForBench(config, std::move(loaded.model), 2, o.prompt_tokens + kNew + 2));
  }
  AwaitDisk(*engines[1]);
  std::vector<double> seconds[2];
  for (int round = 0; round <= kRounds; ++round) {
    progress("round " + std::to_string(round) + " of " + std::to_string(kRounds));
    for (const int which : {round % 2, 1 - round % 2}) {  // neither is always the first
      const double start = SecondsNow();
      BenchStream(*engines[which],
                  BenchRequest(RandomIds(o.prompt_tokens, engines[which]->limits().vocab_size, rng), kNew))
          .AwaitEnd();
      if (round > 0) seconds[which].push_back(SecondsNow() - start);
    }
  }
  const double off = engine::Median(seconds[0]), on = engine::Median(seconds[1]);
  const uint64_t written = engines[1]->stats().disk.written_bytes;
  return {{"off_s", off, "a prompt and 32 tokens, no disk cache, median"},
          {"on_s", on, "the same with a disk cache that has nothing of it"},
          {"ratio", on / off, "on / off"},
          {"best_ratio", engine::Percentile(seconds[1], 0) / engine::Percentile(seconds[0], 0), "the quickest of each"},
          {"written_bytes", static_cast<double>(written), "that went to the disk meanwhile"}};
}

std::vector<Figure> BenchGiveUp(const ScenarioOptions& o, const BenchProgress& progress) {
  const BenchFolder folder(o.disk_path);
  const config::EngineConfig config = WithDisk(o, folder);
  std::mt19937 rng(1);
  PromptIds one, other;
  int computed = 0;
  double cold = 0;
  FirstAnswer again, restarted;
  {
    LoadedModel loaded = LoadForBench(config, progress);
    const int vocab = loaded.model->vocab_size();
    for (PromptIds* prompt : {&one, &other}) *prompt = RandomIds(o.prompt_tokens, vocab, rng);
    const auto engine = StartForBench(config, std::move(loaded.model), 3, o.prompt_tokens + 2);
    AwaitDisk(*engine);
    progress("a prompt of " + std::to_string(o.prompt_tokens) + " tokens, cold");
    cold = FirstToken(*engine, RandomIds(o.prompt_tokens, vocab, rng)).seconds;
    progress("one that is given up, and asked again");
    GiveUpAt(*engine, one, o.share);
    again = FirstToken(*engine, one);
    progress("one that is given up before a restart");
    computed = GiveUpAt(*engine, other, o.share);
    engine->Drain(kFlush);
  }
  folder.DropPages();
  LoadedModel loaded = LoadForBench(config, progress);
  const auto engine = StartForBench(config, std::move(loaded.model), 3, o.prompt_tokens + 2);
  AwaitDisk(*engine);
  progress("asked again behind the restart");
  restarted = FirstToken(*engine, other);
  return {{"cold_first_token_s", cold, "first token of such a prompt, nothing cached"},
          {"computed_tokens", static_cast<double>(computed), "when the client left"},
          {"again_cached_tokens", static_cast<double>(again.usage.cached_tokens), "found when it asked again"},
          {"again_first_token_s", again.seconds, "first token then"},
          {"again_share_of_cold", again.seconds / cold, "of cold"},
          {"restart_cached_tokens", static_cast<double>(restarted.usage.cached_tokens), "found behind a restart"},
          {"restart_first_token_s", restarted.seconds, "first token then"},
          {"restart_share_of_cold", restarted.seconds / cold, "of cold"}};
}

}  // namespace puna::server
