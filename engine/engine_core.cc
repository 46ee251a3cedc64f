#include "engine/engine_core.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <limits>
#include <new>
#include <system_error>
#include <utility>

#include "engine/base/check.h"
#include "engine/guessers.h"
#include "engine/kv_disk/folder_key.h"
#include "engine/step_input.h"

namespace puna::engine {
namespace {

using Clock = std::chrono::steady_clock;

// Blocks that a step copies for the disk beside as many as it computed: a block takes about 0.2 ms.
constexpr int kKeptBeside = 4;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

EngineLimits MakeLimits(const Model& model, const EngineOptions& options) {
  int length = std::min(model.max_position(), options.num_blocks * kBlockSize);
  if (options.max_model_len > 0) length = std::min(length, options.max_model_len);
  return {.max_model_len = length, .vocab_size = model.vocab_size(), .hidden_size = model.hidden_size()};
}

std::unique_ptr<DiskCache> MakeDiskCache(Model& model, const EngineOptions& options, std::function<void()> wake) {
  if (!options.kv_disk.folder || !options.prefix_caching) return nullptr;
  DiskCacheOptions disk;
  disk.folder = options.kv_disk.folder;
  disk.limit_bytes = options.kv_disk.limit_bytes;
  disk.block_bytes = static_cast<int64_t>(model.kv_bytes_per_block());
  disk.label = options.kv_disk.label;
  disk.content = [&model](const std::atomic<bool>& stop) { return model.ContentFingerprint(stop); };
  disk.prepare = [&model](std::span<const BlockId> blocks) { model.PrepareBlocks(blocks); };
  disk.write_block = [&model](BlockId block, std::span<const uint8_t> bytes) { model.WriteBlock(block, bytes); };
  disk.wake = std::move(wake);
  disk.report = options.kv_disk.report ? options.kv_disk.report : [](const std::string&) {};
  return std::make_unique<DiskCache>(std::move(disk));
}

// With a folder on disk, names are those that all who share it have.
std::optional<HashKey> NamesOf(const KvDiskOptions& disk) {
  if (!disk.folder) return std::nullopt;
  int error = 0;
  const HashKey key = FolderKey(*disk.folder, error);
  if (error < 0 && disk.report) {
    disk.report(disk.folder->path() +
                " has no key for names, so nothing of it is found: " + std::generic_category().message(-error));
  }
  return key;
}

SchedulerOptions MakeSchedulerOptions(const EngineOptions& options, const EngineLimits& limits, KvTier* tier,
                                      AnswerIndex* answers, Drafter* drafter) {
  SchedulerOptions result;
  result.tier = tier;
  result.tier_policy = options.kv_disk.policy;
  if (tier != nullptr) result.hash_key = NamesOf(options.kv_disk);
  result.num_blocks = options.num_blocks;
  result.max_num_seqs = options.max_num_seqs;
  result.max_num_batched_tokens = options.max_num_batched_tokens;
  result.max_model_len = limits.max_model_len;
  result.prefix_caching = options.prefix_caching;
  result.step_target_seconds = options.itl_target_ms / 1000;
  AddGuessers(options, answers, drafter, result);
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

EngineCore::EngineCore(std::unique_ptr<Model> model, const EngineOptions& options, std::function<void()> wake)
    : model_(std::move(model)),
      limits_(MakeLimits(*model_, options)),
      fingerprint_(MakeFingerprint(*model_)),
      disk_(MakeDiskCache(*model_, options, std::move(wake))),
      answers_(MakeAnswers(options)),
      drafter_(MakeDrafter(options, limits_.vocab_size)),
      scheduler_(MakeSchedulerOptions(options, limits_, disk_.get(), answers_.get(), drafter_.get())),
      sampler_(limits_.vocab_size, model_->isa()),
      energy_meter_(options.energy_meter),
      report_fault_(options.report_fault) {
  model_->AllocateKvCache(options.num_blocks);
  tenants_of_ended_.reserve(
      static_cast<size_t>(2 * (options.max_num_seqs + options.max_waiting)));  // more are never there
}

void EngineCore::Add(Request request) {
  Sequence& s = scheduler_.Add(std::move(request));
  try {
    if (s.request.prompt_logprobs) PushToken(s, TokenEvent::Kind::kPromptToken, s.tokens[0], std::nullopt);
    AppendForced(s);
  } catch (const std::exception& e) {  // it is there, and ends as all others do
    Report(e, {});
    scheduler_.Finish(s, FinishReason::kError, ErrorOf(e));
  }
}

int EngineCore::Step() {
  scheduler_.FinishCancelled();
  if (energy_meter_) totals_.idle_joules += energy_meter_->Take(/*busy=*/false);
  const auto start = Clock::now();
  const BatchPlan plan = scheduler_.Schedule();  // a draft model computes in there
  planned_nothing_ = plan.empty() && !plan.given_up;
  if (!plan.empty()) RunPlan(plan, start);
  KeepOnDisk(kKeptBeside + plan.num_tokens() / kBlockSize);
  return SendEnds();
}

void EngineCore::RunPlan(const BatchPlan& plan, Clock::time_point start) {
  step_start_ = start;
  for (const PlanItem& item : plan.items) {
    if (item.sequence->first_scheduled) continue;
    item.sequence->first_scheduled = start;
    item.sequence->request.ticket.reset();
  }
  bool failed = false;
  try {
    Compute(plan);
  } catch (const std::exception& e) {
    failed = true;
    FailStep(plan, e);
  }
  const double joules = energy_meter_ ? ShareEnergy(plan) : 0;
  scheduler_.EndStep(plan);
  if (failed) CheckBooks();
  totals_.last_step_seconds = Seconds(Clock::now() - start);
  scheduler_.ObserveStep(plan, totals_.last_step_seconds - plan.draft_seconds);
  NoteSavings(plan, totals_.last_step_seconds, joules);
  ++totals_.steps;
  totals_.step_time.Observe(totals_.last_step_seconds);
  totals_.step_tokens.Observe(plan.num_tokens());
  totals_.step_sequences.Observe(static_cast<double>(plan.items.size()));
  last_step_ = {.number = totals_.steps,
                .prompt_rows = plan.num_prompt_tokens,
                .decode_rows = plan.num_decode_tokens,
                .sequences = static_cast<int>(plan.items.size()),
                .seconds = static_cast<float>(totals_.last_step_seconds)};
}

// A block for which there is no memory is not kept, and neither are those of this step that follow it.
void EngineCore::KeepOnDisk(int max_blocks) {
  try {
    for (; max_blocks > 0 && disk_ && disk_->HasRoom(); --max_blocks) {
      const auto kept = scheduler_.TakeKept();
      if (!kept) return;
      disk_->Write(kept->name, [&](std::span<uint8_t> bytes) { model_->ReadBlock(kept->block, bytes); });
    }
  } catch (const std::bad_alloc&) {
  }
}

void EngineCore::FlushToDisk(Clock::time_point until) {
  if (!disk_) return;
  do {
    KeepOnDisk(std::numeric_limits<int>::max());
  } while (disk_->Flush(until) && scheduler_.has_kept());
}

bool EngineCore::has_nothing_to_do() const {
  return (idle() || planned_nothing_) && !scheduler_.has_finished() &&
         !(disk_ && disk_->HasRoom() && scheduler_.has_kept());
}

// A step that throws ends its own sequences. A check that failed is a bug of ours: the report says what is needed to
// repeat it, the client only that it was not to blame.
void EngineCore::FailStep(const BatchPlan& plan, const std::exception& e) {
  Report(e, plan);
  scheduler_.FailStep(plan, ErrorOf(e));
}

// Where even this has no memory, nothing else is lost by it.
void EngineCore::Report(const std::exception& e, const BatchPlan& plan) const {
  try {
    if (report_fault_) report_fault_(std::string(e.what()) + "; the step: " + Describe(plan));
  } catch (const std::bad_alloc&) {
  }
}

std::string EngineCore::ErrorOf(const std::exception& e) const {
  try {
    if (dynamic_cast<const std::bad_alloc*>(&e) != nullptr) return kNoMemory;
    const bool is_check = dynamic_cast<const CheckError*>(&e) != nullptr;
    return is_check ? "an internal check failed; the server's log says which" : e.what();
  } catch (const std::bad_alloc&) {
    return kNoMemory;
  }
}

// The other sequences go on only if the books balance without those of the failed step; where there is no memory for looking,
// they do as far as anybody knows.
void EngineCore::CheckBooks() const {
  std::string fault;
  try {
    fault = scheduler_.FindFault();
  } catch (const std::bad_alloc&) {
    return;
  }
  PUNA_CHECK(fault.empty()) << fault << ", after a step that failed";
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
  if (drawn.id == kNoToken && task.constraint != nullptr && !task.forbidden.empty()) {
    task.forbidden = {};  // the grammar leaves nothing but an end: it says more about the text than min_tokens does
    drawn = sampler_.Sample(logits, task);
  }
  if (drawn.id == kNoToken) {
    scheduler_.Finish(s, FinishReason::kError,
                      "no token may follow: everything is forbidden, or the logits are not numbers");
    return false;
  }
  NoteToken(s);
  PushToken(s, TokenEvent::Kind::kToken, drawn.id, std::move(drawn.logprobs));
  return scheduler_.Append(s, drawn.id);
}

// Where a grammar leaves one id only, drawing would give nothing else, so the model need not be asked (unless its
// log-probabilities are wanted).
void EngineCore::AppendForced(Sequence& s) {
  if (s.ended() || !s.request.constraint || s.request.num_logprobs >= 0) return;
  for (const TokenId id : s.request.constraint->Forced()) {
    if (s.ended()) return;
    NoteToken(s);
    PushToken(s, TokenEvent::Kind::kToken, id, std::nullopt);
    scheduler_.Append(s, id);
  }
}

// Who has ended is told so; for want of memory, in the next step.
int EngineCore::SendEnds() {
  tenants_of_ended_.clear();
  try {
    const auto ended = scheduler_.TakeFinished();
    for (const auto& s : ended) {
      tenants_of_ended_.push_back(s->request.tenant);
      FillTimes(*s);
      NoteEnd(*s);
      s->request.stream->End(*std::move(s->finish));
    }
    return static_cast<int>(ended.size());
  } catch (const std::bad_alloc&) {
    return 0;
  }
}

}  // namespace puna::engine
