// What a core counts.
#include <chrono>

#include "engine/engine_core.h"

namespace puna::engine {
namespace {

double Between(std::chrono::steady_clock::time_point begin, std::chrono::steady_clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

}  // namespace

void EngineCore::NoteToken(Sequence& s) {
  const auto now = std::chrono::steady_clock::now();
  ++totals_.generated_tokens;
  if (!s.first_token) {
    s.first_token = now;
    totals_.time_to_first_token.Observe(Between(s.request.arrival, now));
  } else if (*s.last_token < step_start_) {  // tokens of one step come together
    totals_.inter_token_latency.Observe(Between(*s.last_token, now));
  }
  s.last_token = now;
}

// By the tokens that each sequence computed: what reading the weights costs is shared by all of them.
double EngineCore::ShareEnergy(const BatchPlan& plan) {
  const double joules = energy_meter_->Take(/*busy=*/true);
  int tokens = 0;
  for (const PlanItem& item : plan.items) tokens += item.num_tokens;
  for (const PlanItem& item : plan.items) item.sequence->usage.energy_joules += joules * item.num_tokens / tokens;
  totals_.busy_joules += joules;
  return joules;
}

// What a cached token saves is what a computed one has cost so far, its rows' share of each step.
void EngineCore::NoteSavings(const BatchPlan& plan, double seconds, double joules) {
  const double share = static_cast<double>(plan.num_prompt_tokens) / plan.num_tokens();
  prompts_.tokens += plan.num_prompt_tokens;
  prompts_.seconds += share * seconds;
  prompts_.joules += share * joules;
  const uint64_t hits = scheduler_.counts().hit_tokens;
  if (prompts_.tokens == 0 || hits == prompts_.valued_hits) return;
  const auto found = static_cast<double>(hits - prompts_.valued_hits);
  prompts_.valued_hits = hits;
  totals_.saved_seconds += found * prompts_.seconds / prompts_.tokens;
  totals_.saved_joules += found * prompts_.joules / prompts_.tokens;
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

EngineStats EngineCore::stats() const {
  EngineStats stats = totals_;
  const SchedulerCounts& counts = scheduler_.counts();
  const BlockPool& pool = scheduler_.pool();
  stats.running = scheduler_.num_running();
  stats.waiting = scheduler_.num_waiting();
  scheduler_.ForEach([&stats](const Sequence& s) {
    if (!s.is_running) ++stats.waiting_for[static_cast<size_t>(s.waits)];
  });
  stats.blocks_total = pool.num_blocks();
  stats.blocks_used = pool.num_held();
  stats.blocks_cached = pool.num_cached();
  stats.prompt_tokens = counts.prompt_tokens;
  stats.prefix_cache_query_tokens = counts.query_tokens;
  stats.prefix_cache_hit_tokens = counts.hit_tokens;
  stats.prefix_cache_missed_tokens = counts.missed_tokens;
  stats.evictions = pool.evictions().count();
  stats.disk_hit_tokens = counts.tier_tokens;
  stats.copied_hit_tokens = counts.copied_tokens;
  if (disk_) stats.disk = disk_->stats();
  stats.disk.dropped_blocks = counts.lost_blocks;
  stats.preemptions = counts.preemptions;
  stats.guesses = counts.guesses;
  stats.draft_seconds = counts.draft_seconds;
  for (const GuessTally& tally : counts.guesses) {
    stats.draft_tokens += tally.proposed;
    stats.accepted_draft_tokens += tally.accepted;
  }
  return stats;
}

}  // namespace puna::engine
