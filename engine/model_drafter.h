// ModelDrafter: a small Llama that guesses for the sequences of a step, all of them in one batch.
//
// A plain model guesses one id a pass and reads it back for the next. A PARD model (arXiv 2504.18583) guesses all in one
// pass: behind the known ids stand copies of a mask token, and the row of each mask says the id after next, and so on.
//
// Its keys and values. For a sequence whose text it knows, they lie beside the model's: block b of the one is block b of the
// other, so sharing, copying and eviction are done once, and BlockTable::num_drafted says how many positions are really
// there. What it lacks it computes, kCatchUp ids a step. Where it lacks more than `window`, which is a long prompt that the
// model found in its cache or has just computed, it reads the text's first id and the last `window` ids instead, at its own
// positions, in blocks of its own: a long prompt costs it next to nothing. LimitReading makes that less.
//
// Entries of guesses are provisional: what it was fed behind the known ids is compared with what came, and counts as far
// as that agrees. Entries of masks never count. So after a cycle that was accepted whole a plain model still lacks its last
// guess, which was never fed, and computes two rows.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/model/model.h"
#include "engine/sampling/sampler.h"
#include "engine/scheduler/drafter.h"
#include "engine/scheduler/scheduler.h"

namespace puna::engine {

class ModelDrafter final : public Drafter {
 public:
  static constexpr int kCatchUp = 64;

  // num_blocks: of the model's pool. vocab_size: the model's, of which the draft model knows every id; no other is
  // guessed. report: told once, when it fails, and guesses nothing from then on.
  ModelDrafter(const DraftOptions& options, int num_blocks, int vocab_size,
               std::function<void(const std::string&)> report);
  ~ModelDrafter() override;

  int max_ids() const override { return failed_ ? 0 : options_.max_ids; }
  bool CanGuess(const Sequence& sequence) const override;
  void Propose(std::span<DraftAsk> asks) override;
  void LimitReading(int num_ids) override { reading_limit_ = num_ids; }
  DraftCost TakeCost() override;
  void CopyBlock(const BlockCopy& copy) override;

 private:
  struct Memo;
  struct Job;
  struct Batch;

  bool is_pard() const { return options_.pard_token != kNoToken; }
  int window_positions() const { return window_blocks_ * kBlockSize; }
  int reach() const;
  static int Lacks(const Sequence& sequence);
  bool Begin(DraftAsk& ask, Job& job);
  void BeginBeside(Job& job);
  bool BeginWindow(Job& job);
  void Guess(std::vector<Job>& jobs);
  void Run(const Batch& batch, bool measured);
  void FirstPass(std::vector<Job>& jobs);
  void NextPass(std::vector<Job>& jobs);
  void Take(Job& job, std::span<const float> logits);
  static void End(Job& job);

  const DraftOptions options_;
  const std::shared_ptr<Model> model_;
  const int num_blocks_, window_blocks_, vocab_size_;
  const std::function<void(const std::string&)> report_;
  Sampler sampler_;
  std::vector<int> free_windows_;
  int reading_limit_ = 1 << 30;
  DraftCost cost_;
  bool failed_ = false;
};

}  // namespace puna::engine
