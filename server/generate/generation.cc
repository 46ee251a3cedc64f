#include "server/generate/generation.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "api/json/error.h"
#include "server/http/dispatcher.h"

namespace puna::server {
namespace {

// A guess, the longer the more are waiting.
int RetryAfter(const engine::EngineStats& stats) { return std::clamp(1 + stats.waiting / 8, 1, 60); }

}  // namespace

api::ApiError NoMemoryLeft() { return ToError(NoMemory()); }

void ThrowFailure(const engine::Finish& failure) {
  if (failure.reason == engine::FinishReason::kShutdown) throw api::ShuttingDown(1);
  if (failure.error == engine::kNoMemory) throw NoMemoryLeft();
  throw api::Internal(failure.error);
}

void ThrowNoPlace(const Service& service) {
  const engine::EngineStats stats = service.engine->stats();
  const int seconds = RetryAfter(stats);
  throw service.stopping ? api::ShuttingDown(seconds) : api::Overloaded(seconds, stats.waiting);
}

Generation::Generation(Service& service, std::vector<ChoicePlan> plans, int choices_per_prompt, api::IdGenerator& ids)
    : service_(service),
      ids_(ids),
      deadline_(service.config.request_timeout_s, plans.front().request.arrival),
      choices_per_prompt_(choices_per_prompt),
      energy_terms_(service.energy),
      tokenizer_(service.tokenizer) {
  if (static_cast<int>(plans.size()) > service.capacity) {
    throw api::InvalidValue("n", "the request asks for " + std::to_string(plans.size()) +
                                     " answers at once, and this server holds " + std::to_string(service.capacity) +
                                     ".");
  }
  Submit(std::move(plans));
}

void Generation::Submit(std::vector<ChoicePlan> plans) {
  NoteWish(plans.front().request, service_);
  for (ChoicePlan& plan : plans) {
    wants_energy_ |= plan.output.energy;
    wants_guesses_ |= plan.output.guesses;
    prompt_tokens_.push_back(static_cast<int>(plan.request.prompt.size()));
    std::optional<engine::TokenReader> reader = service_.engine->Submit(std::move(plan.request));
    if (!reader) ThrowNoPlace(service_);
    choices_.push_back(
        std::make_unique<OutputPipeline>(std::move(plan.output), service_.tokenizer, *std::move(reader), ids_));
  }
}

// What others asked is shown to nobody: neither with keys, of which more may come, nor where other machines ask.
void Generation::NoteWish(const engine::Request& request, const Service& service) {
  if (!request.explain_cache) return;
  report_wish_ = {.wanted = true,
                  .show_before = !request.cache_salt.empty() || service.for_one_user,
                  .computes_prompt = request.prompt_logprobs,
                  .caching = service.caches_prefixes};
  first_prompt_ = request.prompt;
}

api::CacheReport Generation::Report() const {
  api::CacheReport report = MakeCacheReport(choices_[0]->Usage(), first_prompt_, report_wish_, tokenizer_);
  for (int i = choices_per_prompt_; i < size(); i += choices_per_prompt_) {
    const api::CacheReport other = MakeCacheReport(choices_[i]->Usage(), {}, report_wish_, tokenizer_);
    report.memory_tokens += other.memory_tokens;
    report.disk_tokens += other.disk_tokens;
    report.copied_tokens += other.copied_tokens;
    report.computed_tokens += other.computed_tokens;
  }
  return report;
}

void Generation::Check(const OutputPipeline& choice) const {
  if (const std::optional<engine::Finish> failure = choice.failure()) ThrowFailure(*failure);
  deadline_.Check();
}

void Generation::OnArrival(const std::function<void()>& wake) {
  wake_ = wake;
  for (const auto& choice : choices_) choice->OnArrival(wake);
}

bool Generation::Poll(const OnPiece& on_piece) {
  bool goes_on = false;
  for (int i = 0; i < size(); ++i) {
    OutputPipeline& choice = *choices_[i];
    if (choice.done() && choice.settled()) continue;
    for (OutputPiece& piece : choice.Next()) {
      if (piece.last) Check(choice);
      on_piece(i, piece);
    }
    Check(choice);
    goes_on = goes_on || !choice.done() || !choice.settled();
  }
  return goes_on || (next_ && GoOn(on_piece));
}

// What has come before its arrival was listened for is taken at once.
bool Generation::GoOn(const OnPiece& on_piece) {
  std::vector<ChoicePlan> plans = std::exchange(next_, nullptr)();
  if (plans.empty()) return false;
  before_ = Usage(access_before_);
  choices_.clear();
  prompt_tokens_.clear();
  Submit(std::move(plans));
  if (wake_) OnArrival(wake_);
  return Poll(on_piece);
}

TotalUsage Generation::Usage(AccessLine& access) {
  TotalUsage total = before_;
  total.wants_guesses = wants_guesses_;
  // Of what was computed at the same time the longest counts, of what came after another the sum.
  AccessLine side_by_side;
  for (int i = 0; i < size(); ++i) {
    const engine::Usage usage = choices_[i]->Usage();
    if (i % choices_per_prompt_ == 0) {
      total.prompt_tokens += prompt_tokens_[i];
      total.cached_tokens += usage.cached_tokens;
      total.cache_write_tokens += usage.cache_write_tokens;
    }
    total.completion_tokens += usage.completion_tokens;
    for (size_t source = 0; source < total.guesses.size(); ++source) {
      total.guesses[source].proposed += usage.guesses[source].proposed;
      total.guesses[source].accepted += usage.guesses[source].accepted;
    }
    total.joules += usage.energy_joules;
    side_by_side.queue_seconds = std::max(side_by_side.queue_seconds, usage.queue_seconds);
    side_by_side.prefill_seconds = std::max(side_by_side.prefill_seconds, usage.prefill_seconds);
    side_by_side.decode_seconds = std::max(side_by_side.decode_seconds, usage.decode_seconds);
  }
  access.queue_seconds = side_by_side.queue_seconds + std::max(0.0, access_before_.queue_seconds);
  access.prefill_seconds = side_by_side.prefill_seconds + std::max(0.0, access_before_.prefill_seconds);
  access.decode_seconds = side_by_side.decode_seconds + std::max(0.0, access_before_.decode_seconds);
  if (wants_energy_) total.energy = {total.joules, energy_terms_.Grams(total.joules), energy_terms_.source};
  if (report_wish_.wanted) total.cache_report = Report();
  access.joules = total.joules;
  access.prompt_tokens = total.prompt_tokens;
  access.cached_tokens = total.cached_tokens;
  access.completion_tokens = total.completion_tokens;
  if (size() > 0) access.finish = choices_[0]->finish_reason();
  return total;
}

}  // namespace puna::server
