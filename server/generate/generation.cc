#include "server/generate/generation.h"

#include <algorithm>
#include <optional>

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
    : deadline_(service.config.request_timeout_s, plans.front().request.arrival),
      choices_per_prompt_(choices_per_prompt),
      energy_terms_(service.energy),
      tokenizer_(service.tokenizer) {
  if (static_cast<int>(plans.size()) > service.capacity) {
    throw api::InvalidValue("n", "the request asks for " + std::to_string(plans.size()) +
                                     " answers at once, and this server holds " + std::to_string(service.capacity) +
                                     ".");
  }
  NoteWish(plans.front().request, service);
  for (ChoicePlan& plan : plans) {
    wants_energy_ |= plan.output.energy;
    wants_guesses_ |= plan.output.guesses;
    prompt_tokens_.push_back(static_cast<int>(plan.request.prompt.size()));
    std::optional<engine::TokenReader> reader = service.engine->Submit(std::move(plan.request));
    if (!reader) ThrowNoPlace(service);
    choices_.push_back(
        std::make_unique<OutputPipeline>(std::move(plan.output), service.tokenizer, *std::move(reader), ids));
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
  return goes_on;
}

TotalUsage Generation::Usage(AccessLine& access) {
  TotalUsage total;
  total.wants_guesses = wants_guesses_;
  double joules = 0;
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
    joules += usage.energy_joules;
    access.queue_seconds = std::max(access.queue_seconds, usage.queue_seconds);
    access.prefill_seconds = std::max(access.prefill_seconds, usage.prefill_seconds);
    access.decode_seconds = std::max(access.decode_seconds, usage.decode_seconds);
  }
  if (wants_energy_) total.energy = {joules, energy_terms_.Grams(joules), energy_terms_.source};
  if (report_wish_.wanted) total.cache_report = Report();
  access.joules = joules;
  access.prompt_tokens = total.prompt_tokens;
  access.cached_tokens = total.cached_tokens;
  access.completion_tokens = total.completion_tokens;
  if (size() > 0) access.finish = choices_[0]->finish_reason();
  return total;
}

}  // namespace puna::server
