#include "server/bench/bench_draft.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>

#include "engine/base/percentile.h"
#include "engine/scheduler/drafter.h"
#include "engine/scheduler/scheduler.h"
#include "server/bench/bench_foresight.h"
#include "server/bench/bench_script.h"
#include "server/bench/bench_stream.h"
#include "server/bench/lent_model.h"
#include "server/model/draft_model.h"
#include "server/model/load_model.h"
#include "server/model/text_files.h"

namespace puna::server {
namespace {

using engine::TokenId;

constexpr int kFreeIds = 15;  // guessed at once where guesses cost nothing

// What is written, and how often a guess about it is to be right. The engine's thread reads it between requests' ends.
struct Truth {
  std::vector<TokenId> text;
  double rate = 0;
  int vocab_size = 0;
};

// Lets the draft model compute, if there is one, and puts guesses in its guesses' place.
class ForcedDrafter final : public engine::Drafter {
 public:
  ForcedDrafter(std::unique_ptr<engine::Drafter> drafter, std::shared_ptr<const Truth> truth)
      : drafter_(std::move(drafter)), truth_(std::move(truth)) {}

  int max_ids() const override { return drafter_ ? drafter_->max_ids() : kFreeIds; }
  bool CanGuess(const engine::Sequence& s) const override { return !drafter_ || drafter_->CanGuess(s); }
  engine::DraftCost TakeCost() override { return drafter_ ? drafter_->TakeCost() : engine::DraftCost{}; }
  void LimitReading(int num_ids) override {
    if (drafter_) drafter_->LimitReading(num_ids);
  }
  void CopyBlock(const engine::BlockCopy& copy) override {
    if (drafter_) drafter_->CopyBlock(copy);
  }

  void Propose(std::span<engine::DraftAsk> asks) override {
    for (engine::DraftAsk& ask : asks) {
      if (!drafter_) ask.guesses.resize(static_cast<size_t>(ask.max_ids));
    }
    if (drafter_) drafter_->Propose(asks);
    for (engine::DraftAsk& ask : asks) {
      const size_t first = static_cast<size_t>(ask.sequence->num_output()) + ask.behind.size();
      for (size_t i = 0; i < ask.guesses.size(); ++i) {
        const TokenId right = truth_->text.at(std::min(first + i, truth_->text.size() - 1));
        ask.guesses[i] = chance_(random_) < truth_->rate ? right : (right + 1) % truth_->vocab_size;
      }
    }
  }

 private:
  const std::unique_ptr<engine::Drafter> drafter_;
  const std::shared_ptr<const Truth> truth_;
  std::mt19937 random_{3};
  std::uniform_real_distribution<> chance_;
};

struct Written {
  double seconds = 0;  // from the first token to the last
  engine::GuessCount guesses;
};

Written WriteText(engine::Engine& engine, const Truth& truth, int prompt_ids, bool guessing) {
  std::mt19937 rng(1);
  engine::Request request =
      BenchRequest(RandomIds(prompt_ids, truth.vocab_size, rng), static_cast<int>(truth.text.size()));
  request.constraint = std::make_unique<Script>(truth.text, guessing);
  request.guessing.sources = 1 << static_cast<int>(engine::GuessSource::kDraft);
  if (!guessing) request.guessing.max_ids = 0;
  const BenchStream stream(engine, std::move(request));
  Written writing;
  writing.guesses = stream.AwaitEnd().guesses[static_cast<size_t>(engine::GuessSource::kDraft)];
  const std::vector<double> times = stream.Times();
  writing.seconds = times.back() - times.front();
  return writing;
}

// What was written in each round, [0] without guesses and [1] with them.
struct Rounds {
  std::vector<double> seconds[2];
  std::vector<double> ratios;  // without / with, of the same round
  engine::GuessCount guesses;  // of the last

  void Add(const Written& plain, const Written& guessed) {
    seconds[0].push_back(plain.seconds);
    seconds[1].push_back(guessed.seconds);
    ratios.push_back(plain.seconds / guessed.seconds);
    guesses = guessed.guesses;
  }
};

std::string Key(double rate) {
  char key[32];
  std::snprintf(key, sizeof key, "rate_%.2f", rate);
  return key;
}

// Draft and model stay loaded; what an engine learns ends with it.
class DraftBench {
 public:
  DraftBench(const ScenarioOptions& options, const BenchProgress& progress);

  std::vector<Figure> Run();

 private:
  std::unique_ptr<engine::Engine> NewEngine() const;
  void CompareAt(double rate);
  void Tell(const std::string& name, const std::string& what, const Rounds& rounds);
  void Compute();

  const ScenarioOptions& options_;
  const BenchProgress& progress_;
  std::shared_ptr<engine::Model> model_;
  engine::EngineOptions engine_;
  const std::shared_ptr<Truth> truth_ = std::make_shared<Truth>();
  std::mt19937 rng_{7};
  std::vector<Figure> figures_;
};

DraftBench::DraftBench(const ScenarioOptions& o, const BenchProgress& progress) : options_(o), progress_(progress) {
  config::EngineConfig config = o.engine;
  config.prefix_caching = false;
  config.speculation = true;
  config.remembered_tokens = 0;
  if (config.draft_model.empty()) config.draft_model = "off";
  model_ = LoadForBench(config, progress).model;
  truth_->vocab_size = model_->vocab_size();
  engine::DraftOptions draft;
  if (HasDraft(config)) {
    const engine::Tokenizer tokenizer = LoadTokenizer(TextFiles(config.model), truth_->vocab_size);
    draft = LoadDraft(config, tokenizer, truth_->vocab_size, [](double) {});
    if (o.pard) draft = AsPard(draft);
  }
  engine_ = MakeEngineOptions(config, *model_, draft);
  engine_.max_model_len = std::min(engine_.max_model_len, o.draft_prompt + o.generate + 16);
  engine_.num_blocks = 2 * (engine_.max_model_len / engine::kBlockSize + 2);
  engine_.wrap_drafter = [truth = truth_](std::unique_ptr<engine::Drafter> drafter) {
    return std::make_unique<ForcedDrafter>(std::move(drafter), truth);
  };
}

std::unique_ptr<engine::Engine> DraftBench::NewEngine() const {
  return std::make_unique<engine::Engine>(std::make_unique<LentModel>(model_), engine_);
}

// In turns, since the machine's speed drifts. The first text that an engine writes is told apart: it knows nothing yet.
void DraftBench::CompareAt(double rate) {
  truth_->text = RandomIds(options_.generate, truth_->vocab_size, rng_);
  truth_->rate = rate;
  Rounds first, later;
  for (int round = 0; round < options_.rounds; ++round) {
    progress_("guesses of which " + std::to_string(rate) + " come true, round " + std::to_string(round + 1));
    Written written[2][2];
    for (const bool guessing : {false, true}) {
      const auto engine = NewEngine();
      for (Written& text : written[guessing]) text = WriteText(*engine, *truth_, options_.draft_prompt, guessing);
    }
    first.Add(written[false][0], written[true][0]);
    later.Add(written[false][1], written[true][1]);
  }
  Tell(Key(rate) + "_first", "the first text of an engine", first);
  Tell(Key(rate), "the second text", later);
}

void DraftBench::Tell(const std::string& name, const std::string& what, const Rounds& rounds) {
  const double tokens = static_cast<double>(truth_->text.size()) - 1;
  figures_.push_back(
      {name + "_plain_tokens_per_s", tokens / engine::Median(rounds.seconds[0]), what + ", without guesses"});
  figures_.push_back(
      {name + "_guessed_tokens_per_s", tokens / engine::Median(rounds.seconds[1]), what + ", with guesses"});
  figures_.push_back({name + "_speedup", engine::Median(rounds.ratios), what + ", times faster"});
  figures_.push_back({name + "_proposed", double(rounds.guesses.proposed), "guesses that were computed"});
  figures_.push_back({name + "_accepted", double(rounds.guesses.accepted), "of them, those that came true"});
}

// Beside the measured figures, the same by the costs of single steps: for this machine, to see how far that can be believed, and
// for the one that was asked for.
void DraftBench::Compute() {
  progress_("what single steps take");
  const int cores = NumThreads(options_.engine);
  const StepCosts model = MeasureSteps(*model_);
  const double memory = options_.read_gbs > 0 && model.reading > 0
                            ? options_.read_gbs * 1e9 / (static_cast<double>(model_->weight_bytes()) / model.reading)
                            : 1;
  const engine::DraftOptions& drafter = engine_.draft;
  std::optional<StepCosts> draft;
  if (drafter.model) draft = MeasureSteps(*drafter.model);
  for (const int there : {cores, options_.cores}) {
    const double more = static_cast<double>(there) / cores, faster = there == options_.cores ? memory : 1;
    const StepCosts model_there = model.On(more, faster);
    const std::optional<StepCosts> draft_there = draft ? std::optional(draft->On(more, faster)) : std::nullopt;
    const Guessing guessing{draft_there ? &*draft_there : nullptr, drafter.pard_token != engine::kNoToken,
                            draft_there ? drafter.max_ids : kFreeIds};
    const std::string machine = "on " + std::to_string(there) + " cores";
    const std::string name = "computed_" + std::to_string(there) + "_cores_";
    figures_.push_back(
        {name + "plain_tokens_per_s", 1 / model_there.At(1), "COMPUTED " + machine + ", without guesses"});
    for (const double rate : options_.accept) {
      const Foreseen foreseen = Foresee(rate, model_there, guessing);
      figures_.push_back(
          {name + Key(rate) + "_speedup", foreseen.speedup,
           "COMPUTED " + machine + ", times faster with " + std::to_string(foreseen.guesses) + " guesses a step"});
    }
    if (options_.cores == cores && memory == 1) break;
  }
}

std::vector<Figure> DraftBench::Run() {
  for (const double rate : options_.accept) CompareAt(rate);
  if (options_.cores > 0) Compute();
  return std::move(figures_);
}

}  // namespace

std::vector<Figure> GuessAtRates(const ScenarioOptions& options, const BenchProgress& progress) {
  return DraftBench(options, progress).Run();
}

}  // namespace puna::server
