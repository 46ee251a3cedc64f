// EngineCore: the engine without its thread. One step: schedule, compute, draw, send.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>

#include "engine/engine.h"
#include "engine/sampling/sampler.h"
#include "engine/scheduler/scheduler.h"

namespace puna::engine {

class EngineCore {
 public:
  // Gives the model's cache its memory.
  EngineCore(std::unique_ptr<Model> model, const EngineOptions& options);

  // The request has a stream.
  void Add(Request request);

  // Computes one step for whoever is there. Returns how many sequences ended. Whatever is thrown while the step is
  // computed ends its sequences with kError; CheckError when the others cannot go on after that.
  int Step();

  // Ends all that are left. Returns how many.
  int EndAll(FinishReason reason);

  bool idle() const { return scheduler_.idle(); }
  const EngineLimits& limits() const { return limits_; }
  const std::string& fingerprint() const { return fingerprint_; }
  const Scheduler& scheduler() const { return scheduler_; }
  EngineStats stats() const;

 private:
  void Compute(const BatchPlan& plan);
  void FailStep(const BatchPlan& plan, const std::exception& e);
  void CheckBooks(const std::string& failure) const;
  bool Pool(const PlanItem& item, MatView<const float> rows);
  void Advance(const PlanItem& item, MatView<const float> rows);
  bool DrawNext(Sequence& sequence, std::span<const float> logits);
  void AppendForced(Sequence& sequence);
  void NoteToken(Sequence& sequence);
  void NoteEnd(const Sequence& sequence);
  void ShareEnergy(const BatchPlan& plan);
  int SendEnds();

  std::unique_ptr<Model> model_;
  const EngineLimits limits_;
  const std::string fingerprint_;
  Scheduler scheduler_;
  Sampler sampler_;
  const std::shared_ptr<EnergyMeter> energy_meter_;
  const std::function<void(const std::string&)> report_fault_;
  EngineStats totals_;  // steps, tokens, ends and all times
  std::chrono::steady_clock::time_point step_start_;
};

}  // namespace puna::engine
