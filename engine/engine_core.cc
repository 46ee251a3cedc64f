#include "engine/engine_core.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <utility>

#include "engine/base/check.h"
#include "engine/scheduler/ngram_proposer.h"
#include "engine/step_input.h"

namespace puna::engine {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

EngineLimits MakeLimits(const Model& model, const EngineOptions& options) {
  int length = std::min(model.max_position(), options.num_blocks * kBlockSize);
  if (options.max_model_len > 0) length = std::min(length, options.max_model_len);
  return {.max_model_len = length, .vocab_size = model.vocab_size(), .hidden_size = model.hidden_size()};
}

SchedulerOptions MakeSchedulerOptions(const EngineOptions& options, const EngineLimits& limits) {
  SchedulerOptions result;
  result.num_blocks = options.num_blocks;
  result.max_num_seqs = options.max_num_seqs;
  result.max_num_batched_tokens = options.max_num_batched_tokens;
  result.max_model_len = limits.max_model_len;
  result.prefix_caching = options.prefix_caching;
  result.step_target_seconds = options.itl_target_ms / 1000;
  if (options.speculation) {
    result.make_proposer = [](const Request& request) {
      return std::make_unique<NgramProposer>(static_cast<int>(request.prompt.size()), request.prediction);
    };
  }
  return result;
}

// FNV-1a over this version of puna and what the model says its results depend on.
std::string MakeFingerprint(const Model& model) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const unsigned char c : "puna-" PUNA_VERSION " " + model.Fingerprint()) hash = (hash ^ c) * 0x100000001b3;
  char text[24];
  std::snprintf(text, sizeof text, "fp_%016llx", static_cast<unsigned long long>(hash));
  return text;
}

void PushToken(Sequence& sequence, TokenEvent::Kind kind, TokenId id, std::optional<Logprobs> logprobs) {
  sequence.request.stream->Push({.kind = kind, .id = id, .logprobs = std::move(logprobs), .finish = {}});
}

void FillTimes(Sequence& s) {
  const auto end = Clock::now();
  const auto scheduled = s.first_scheduled.value_or(end);
  const auto first = s.first_token.value_or(end);
  Usage& usage = s.finish->usage;
  usage.queue_seconds = Seconds(scheduled - s.request.arrival);
  usage.prefill_seconds = Seconds(std::max(first, scheduled) - scheduled);
  usage.decode_seconds = Seconds(end - first);
}

}  // namespace

EngineCore::EngineCore(std::unique_ptr<Model> model, const EngineOptions& options)
    : model_(std::move(model)),
      limits_(MakeLimits(*model_, options)),
      fingerprint_(MakeFingerprint(*model_)),
      scheduler_(MakeSchedulerOptions(options, limits_)),
      sampler_(limits_.vocab_size, model_->isa()),
      energy_meter_(options.energy_meter),
      report_fault_(options.report_fault) {
  model_->AllocateKvCache(options.num_blocks);
}

void EngineCore::Add(Request request) {
  Sequence& s = scheduler_.Add(std::move(request));
  if (s.request.prompt_logprobs) PushToken(s, TokenEvent::Kind::kPromptToken, s.tokens[0], std::nullopt);
  AppendForced(s);
}

int EngineCore::Step() {
  scheduler_.FinishCancelled();
  const BatchPlan plan = scheduler_.Schedule();
  if (energy_meter_) totals_.idle_joules += energy_meter_->Take(/*busy=*/false);
  if (!plan.empty()) {
    const auto start = step_start_ = Clock::now();
    for (const PlanItem& item : plan.items) {
      if (!item.sequence->first_scheduled) item.sequence->first_scheduled = start;
    }
    std::string failure;
    try {
      Compute(plan);
    } catch (const std::exception& e) {
      failure = e.what();
      FailStep(plan, e);
    }
    if (energy_meter_) ShareEnergy(plan);
    scheduler_.EndStep(plan);
    if (!failure.empty()) CheckBooks(failure);
    totals_.last_step_seconds = Seconds(Clock::now() - start);
    scheduler_.ObserveStep(plan, totals_.last_step_seconds);
    ++totals_.steps;
    totals_.step_time.Observe(totals_.last_step_seconds);
    totals_.step_tokens.Observe(plan.num_tokens());
    totals_.step_sequences.Observe(static_cast<double>(plan.items.size()));
  }
  return SendEnds();
}

// A step that throws ends its own sequences. A check that failed is a bug of ours: the report says what is needed to
// repeat it, the client only that it was not to blame.
void EngineCore::FailStep(const BatchPlan& plan, const std::exception& e) {
  const bool is_check = dynamic_cast<const CheckError*>(&e) != nullptr;
  if (report_fault_) report_fault_(std::string(e.what()) + "; the step: " + Describe(plan));
  scheduler_.FailStep(plan, is_check ? "an internal check failed; the server's log says which" : e.what());
}

// The other sequences go on only if the books balance without those of the failed step.
void EngineCore::CheckBooks(const std::string& failure) const {
  const std::string fault = scheduler_.FindFault();
  PUNA_CHECK(fault.empty()) << fault << ", after " << failure;
}

int EngineCore::EndAll(FinishReason reason) {
  scheduler_.FinishAll(reason);
  return SendEnds();
}

void EngineCore::Compute(const BatchPlan& plan) {
  for (const auto& [sequence, copy] : plan.copies) model_->CopyBlock(copy.from, copy.to, copy.num_tokens);
  const StepInput input = BuildStepInput(plan);
  const MatView<const float> logits = model_->Forward(input.view());
  const MatView<const float> hidden = model_->HiddenStates();
  int64_t row = 0, hidden_row = 0;
  for (const PlanItem& item : plan.items) {
    const int num_hidden = item.num_hidden();
    const bool pooled = num_hidden == 0 || Pool(item, hidden.Rows(hidden_row, num_hidden));
    hidden_row += num_hidden;
    if (pooled) {
      Advance(item, logits.Rows(row, item.num_logits));
    } else {
      scheduler_.Finish(*item.sequence, FinishReason::kError, "no embedding: the hidden states are not numbers");
    }
    row += item.num_logits;
  }
}

// False: what came of it is no vector of numbers.
bool EngineCore::Pool(const PlanItem& item, MatView<const float> rows) {
  Sequence& s = *item.sequence;
  s.pooler->Add(rows);
  if (!item.reaches_end()) return true;
  TokenEvent event;
  event.kind = TokenEvent::Kind::kEmbedding;
  event.embedding = s.pooler->Result();
  const auto is_number = [](float x) { return std::isfinite(x); };
  if (!std::all_of(event.embedding.begin(), event.embedding.end(), is_number)) return false;
  s.request.stream->Push(std::move(event));
  return true;
}

// What the item's rows of logits are wanted for: each belongs to a position and says something about the one behind it.
void EngineCore::Advance(const PlanItem& item, MatView<const float> rows) {
  Sequence& s = *item.sequence;
  scheduler_.MarkComputed(item);
  for (int64_t i = 0; i < rows.rows; ++i) {
    const int next = item.first + item.num_tokens - item.num_logits + static_cast<int>(i) + 1;
    if (next < s.num_prompt()) {
      const TokenId id = s.tokens[next];
      PushToken(s, TokenEvent::Kind::kPromptToken, id,
                sampler_.LogprobsOf(rows.row_span(i), id, std::max(0, s.request.num_logprobs)));
    } else if (next == s.num_tokens() && !s.ended()) {
      if (!DrawNext(s, rows.row_span(i))) break;
    }
  }
  AppendForced(s);
}

// True: the next row was computed behind the id that was drawn.
bool EngineCore::DrawNext(Sequence& s, std::span<const float> logits) {
  const StopCriteria& stop = s.request.stop;
  SampleTask task;
  task.params = &s.request.sampling;
  task.counts = s.counts ? &*s.counts : nullptr;
  if (s.num_output() < stop.min_new_tokens) task.forbidden = stop.end_ids;
  task.constraint = s.request.constraint.get();
  task.position = static_cast<uint64_t>(s.num_tokens());
  task.num_logprobs = s.request.num_logprobs;
  SampledToken drawn = sampler_.Sample(logits, task);
  if (drawn.id == kNoToken) {
    scheduler_.Finish(s, FinishReason::kError,
                      "no token may follow: everything is forbidden, or the logits are not numbers");
    return false;
  }
  NoteToken(s);
  PushToken(s, TokenEvent::Kind::kToken, drawn.id, std::move(drawn.logprobs));
  return scheduler_.Append(s, drawn.id);
}

// Where a grammar leaves one way only, the model need not be asked (unless its log-probabilities are wanted).
void EngineCore::AppendForced(Sequence& s) {
  if (s.ended() || !s.request.constraint || s.request.num_logprobs >= 0) return;
  for (const TokenId id : s.request.constraint->Forced()) {
    if (s.ended()) return;
    NoteToken(s);
    PushToken(s, TokenEvent::Kind::kToken, id, std::nullopt);
    scheduler_.Append(s, id);
  }
}

void EngineCore::NoteToken(Sequence& s) {
  const auto now = Clock::now();
  ++totals_.generated_tokens;
  if (!s.first_token) {
    s.first_token = now;
    totals_.time_to_first_token.Observe(Seconds(now - s.request.arrival));
  } else if (*s.last_token < step_start_) {  // tokens of one step come together
    totals_.inter_token_latency.Observe(Seconds(now - *s.last_token));
  }
  s.last_token = now;
}

// By the tokens that each sequence computed: what reading the weights costs is shared by all of them.
void EngineCore::ShareEnergy(const BatchPlan& plan) {
  const double joules = energy_meter_->Take(/*busy=*/true);
  int tokens = 0;
  for (const PlanItem& item : plan.items) tokens += item.num_tokens;
  for (const PlanItem& item : plan.items) item.sequence->usage.energy_joules += joules * item.num_tokens / tokens;
  totals_.busy_joules += joules;
}

void EngineCore::NoteEnd(const Sequence& s) {
  switch (s.finish->reason) {
    case FinishReason::kStop:
      ++totals_.finished_stop;
      break;
    case FinishReason::kLength:
      ++totals_.finished_length;
      break;
    case FinishReason::kError:
      ++totals_.finished_error;
      return;
    case FinishReason::kShutdown:
      ++totals_.finished_cancelled;
      return;
    case FinishReason::kCancelled:
      if (!s.request.stream->had_enough()) {
        ++totals_.finished_cancelled;
        return;
      }
      ++totals_.finished_stop;
      break;
  }
  const Usage& usage = s.finish->usage;
  totals_.e2e_latency.Observe(usage.queue_seconds + usage.prefill_seconds + usage.decode_seconds);
  totals_.queue_time.Observe(usage.queue_seconds);
  totals_.prefill_time.Observe(usage.prefill_seconds);
  totals_.decode_time.Observe(usage.decode_seconds);
  totals_.prompt_lengths.Observe(s.num_prompt());
  totals_.output_lengths.Observe(s.num_output());
}

int EngineCore::SendEnds() {
  const auto ended = scheduler_.TakeFinished();
  for (const auto& s : ended) {
    FillTimes(*s);
    NoteEnd(*s);
    s->request.stream->Push(
        {.kind = TokenEvent::Kind::kEnd, .id = kNoToken, .logprobs = {}, .finish = std::move(*s->finish)});
  }
  return static_cast<int>(ended.size());
}

EngineStats EngineCore::stats() const {
  EngineStats stats = totals_;
  const SchedulerCounts& counts = scheduler_.counts();
  const BlockPool& pool = scheduler_.pool();
  stats.running = scheduler_.num_running();
  stats.waiting = scheduler_.num_waiting();
  stats.blocks_total = pool.num_blocks();
  stats.blocks_used = pool.num_held();
  stats.blocks_cached = pool.num_cached();
  stats.prompt_tokens = counts.prompt_tokens;
  stats.prefix_cache_query_tokens = counts.query_tokens;
  stats.prefix_cache_hit_tokens = counts.hit_tokens;
  stats.preemptions = counts.preemptions;
  stats.draft_tokens = counts.draft_tokens;
  stats.accepted_draft_tokens = counts.accepted_draft_tokens;
  return stats;
}

}  // namespace puna::engine
