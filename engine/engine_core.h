// EngineCore: the engine without its thread. One step: schedule, compute, draw, send.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/engine_view.h"
#include "engine/kv_disk/disk_cache.h"
#include "engine/sampling/sampler.h"
#include "engine/scheduler/scheduler.h"

namespace puna::engine {

class EngineCore {
 public:
  // Gives the model's cache its memory. wake: called from any thread when has_nothing_to_do may have become false by the
  // disk's doing.
  EngineCore(
      std::unique_ptr<Model> model, const EngineOptions& options, std::function<void()> wake = [] {});

  // The request has a stream. std::bad_alloc: it is not there, and nothing has been sent. Whatever else fails ends it, in the next
  // step's ends.
  void Add(Request request);

  // Computes one step for whoever is there. Returns how many sequences ended. Whatever is thrown while the step is
  // computed, and memory that is lacking at any point of it, ends its sequences with kError; CheckError when the others cannot go
  // on after that.
  int Step();

  // Ends all that are left. Returns how many.
  int EndAll(FinishReason reason);

  // The tenants of those that the last of these ended, one for each.
  const std::vector<uint64_t>& tenants_of_ended() const { return tenants_of_ended_; }

  // Writes what is worth keeping to the disk; what is left then, or when the disk gives no sign of life, is not written.
  void FlushToDisk(std::chrono::steady_clock::time_point until);

  bool idle() const { return scheduler_.idle(); }
  // Until something comes in, or the disk has done something.
  bool has_nothing_to_do() const;
  const EngineLimits& limits() const { return limits_; }
  const std::string& fingerprint() const { return fingerprint_; }
  const Scheduler& scheduler() const { return scheduler_; }
  EngineStats stats() const;
  const StepView& last_step() const { return last_step_; }  // number 0: none yet; without target_seconds

 private:
  void KeepOnDisk(int max_blocks);
  void RunPlan(const BatchPlan& plan, std::chrono::steady_clock::time_point start);
  void Compute(const BatchPlan& plan);
  void FailStep(const BatchPlan& plan, const std::exception& e);
  std::string ErrorOf(const std::exception& e) const;
  void Report(const std::exception& e, const BatchPlan& plan) const;
  void CheckBooks() const;
  bool Pool(const PlanItem& item, MatView<const float> rows);
  void Advance(const PlanItem& item, MatView<const float> rows);
  bool DrawNext(Sequence& sequence, std::span<const float> logits);
  void AppendForced(Sequence& sequence);
  void NoteToken(Sequence& sequence);
  void NoteEnd(const Sequence& sequence);
  double ShareEnergy(const BatchPlan& plan);
  void NoteSavings(const BatchPlan& plan, double seconds, double joules);
  int SendEnds();

  std::unique_ptr<Model> model_;
  const EngineLimits limits_;
  const std::string fingerprint_;
  const std::unique_ptr<DiskCache> disk_;       // null: none
  const std::unique_ptr<AnswerIndex> answers_;  // null: none are kept
  const std::unique_ptr<Drafter> drafter_;      // null: none
  Scheduler scheduler_;
  Sampler sampler_;
  const std::shared_ptr<EnergyMeter> energy_meter_;
  const std::function<void(const std::string&)> report_fault_;
  bool planned_nothing_ = false;  // by the last step, since all wait for the disk
  EngineStats totals_;            // steps, tokens, ends and all times
  struct {                        // of prompt tokens that were computed, and up to which hit their savings count
    double tokens = 0, seconds = 0, joules = 0;
    uint64_t valued_hits = 0;
  } prompts_;
  StepView last_step_;
  std::vector<uint64_t> tenants_of_ended_;
  std::chrono::steady_clock::time_point step_start_;
};

}  // namespace puna::engine
