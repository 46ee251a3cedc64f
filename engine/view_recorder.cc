#include "engine/view_recorder.h"

#include <algorithm>
#include <map>
#include <new>

namespace puna::engine {
namespace {

// Blocks that are looked at for one picture: of a larger pool every second, every third, and so on. It bounds what a picture
// costs, and leaves each cell several of its blocks.
constexpr int kMaxLooks = 4 * EngineView::kMaxCells;

// The numbers by which a picture knows its tenants, in the order in which they are met.
class Numbers {
 public:
  int Of(TenantId tenant) { return numbers_.try_emplace(tenant, static_cast<int>(numbers_.size()) + 1).first->second; }

 private:
  std::map<TenantId, int> numbers_;
};

SequenceView Describe(const Sequence& s, int tenant) {
  return {.number = s.arrival,
          .running = s.is_running,
          .prompt_tokens = s.num_prompt(),
          .cached_tokens = s.usage.cached_tokens,
          .computed_tokens = s.num_computed,
          .output_tokens = s.num_output(),
          .max_output_tokens = s.request.stop.max_new_tokens,
          .tenant = tenant,
          .priority = s.request.priority,
          .waits = s.waits,
          .waits_for = s.waits_for.value_or(0),
          .has_waits_for = s.waits_for.has_value(),
          .preemptions = s.usage.preemptions,
          .admitted = s.was_admitted,
          .missed = s.missed};
}

void AddSequences(const Scheduler& scheduler, EngineView& view) {
  view.num_sequences = view.sequences_left_out = 0;
  view.tenants = scheduler.tenants().num_present();
  Numbers numbers;
  scheduler.ForEach([&](const Sequence& s) {
    if (view.num_sequences == EngineView::kMaxSequences)
      ++view.sequences_left_out;
    else
      view.sequences[view.num_sequences++] = Describe(s, numbers.Of(s.request.tenant));
  });
}

void Mark(BlockId block, BlockUse use, EngineView& view) {
  BlockUse& cell = view.cells[block / view.blocks_per_cell];
  cell = std::max(cell, use);
}

// What its last step wrote, and where the next goes on.
void MarkWritten(const Sequence& s, EngineView& view) {
  const auto blocks = s.table.blocks();
  const auto end = std::min(blocks.size(), static_cast<size_t>(s.num_computed / kBlockSize) + 1);
  for (size_t i = static_cast<size_t>(s.written_from / kBlockSize); i < end; ++i)
    Mark(blocks[i], BlockUse::kWritten, view);
}

void AddBlocks(const Scheduler& scheduler, EngineView& view) {
  const BlockPool& pool = scheduler.pool();
  view.blocks = pool.num_blocks();
  view.blocks_per_cell = std::max(1, (view.blocks + EngineView::kMaxCells - 1) / EngineView::kMaxCells);
  view.num_cells = (view.blocks + view.blocks_per_cell - 1) / view.blocks_per_cell;
  view.cells.fill(BlockUse::kEmpty);
  view.last_eviction.fill(0);
  view.evictions = pool.evictions().count();
  const int stride = std::max(1, (view.blocks + kMaxLooks - 1) / kMaxLooks);
  for (BlockId block = 0; block < view.blocks; block += stride) {
    Mark(block, pool.use(block), view);
    uint64_t& last = view.last_eviction[block / view.blocks_per_cell];
    last = std::max(last, pool.evictions().last(block));
  }
  scheduler.ForEach([&view](const Sequence& s) {
    if (s.is_running) MarkWritten(s, view);
  });
}

}  // namespace

void ViewRecorder::Note(const EngineCore& core, Clock::time_point now) {
  const auto began = Clock::now();
  NoteStep(core);
  if (core.idle() || now - last_ >= kInterval) {
    last_ = now;
    try {
      Picture(core);
    } catch (const std::bad_alloc&) {  // the last one stays
    }
  }
  view_.picture_seconds += std::chrono::duration<double>(Clock::now() - began).count();
}

void ViewRecorder::NoteStep(const EngineCore& core) {
  StepView step = core.last_step();
  view_.steps = step.number;
  if (step.number == 0) return;
  step.target_seconds = static_cast<float>(core.scheduler().StepTarget(step.decode_rows));
  view_.recent_steps[step.number % EngineView::kMaxSteps] = step;
}

void ViewRecorder::Picture(const EngineCore& core) {
  AddSequences(core.scheduler(), view_);
  AddBlocks(core.scheduler(), view_);
  published_.Set(view_);
}

}  // namespace puna::engine
