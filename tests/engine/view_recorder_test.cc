#include "engine/view_recorder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "tests/support/core_client.h"

namespace puna::engine {
namespace {

using Clock = ViewRecorder::Clock;

Client Asking(int first, int prompt, int output) {
  Client client;
  for (int i = 0; i < prompt; ++i) client.asked.prompt.push_back((first + i * i) % 97);
  client.asked.stop.max_new_tokens = output;
  return client;
}

int Count(const EngineView& view, BlockUse use) {
  return static_cast<int>(std::count(view.cells.begin(), view.cells.begin() + view.num_cells, use));
}

// Each turn is pictured: time passes faster than the interval.
EngineView Turn(EngineCore& core, ViewRecorder& recorder) {
  static const Clock::time_point start = Clock::now();
  core.Step();
  recorder.Note(core, start + core.last_step().number * 2 * ViewRecorder::kInterval);
  return recorder.Get();
}

TEST_CASE("an engine that has done nothing has a picture of empty blocks") {
  const EngineCore core(std::make_unique<FakeModel>(), SmallOptions());
  const EngineView view = ViewRecorder(core).Get();
  CHECK(view.steps == 0);
  CHECK(view.num_sequences == 0);
  CHECK(view.num_cells == 24);
  CHECK(Count(view, BlockUse::kEmpty) == 24);
}

TEST_CASE("sequences are pictured with their progress, steps with their rows") {
  EngineCore core(std::make_unique<FakeModel>(), SmallOptions());
  ViewRecorder recorder(core);
  Client client = Asking(1, 70, 10);
  Submit(core, client);
  EngineView view = Turn(core, recorder);  // 40 rows a step
  REQUIRE(view.num_sequences == 1);
  CHECK(view.sequences[0].running);
  CHECK(view.sequences[0].prompt_tokens == 70);
  CHECK(view.sequences[0].computed_tokens == 40);
  CHECK(view.sequences[0].output_tokens == 0);
  CHECK(view.sequences[0].max_output_tokens == 10);
  CHECK(view.recent_steps[1].number == 1);
  CHECK(view.recent_steps[1].prompt_rows == 40);
  CHECK(view.recent_steps[1].decode_rows == 0);
  view = Turn(core, recorder);
  CHECK(view.sequences[0].output_tokens == 1);
  CHECK(view.recent_steps[2].prompt_rows == 30);
  view = Turn(core, recorder);
  CHECK(view.steps == 3);
  CHECK(view.recent_steps[3].decode_rows >= 1);
  CHECK(view.recent_steps[3].seconds > 0);
  CHECK(view.recent_steps[3].sequences == 1);
  while (!core.idle()) view = Turn(core, recorder);
  CHECK(view.num_sequences == 0);
}

TEST_CASE("the map shows what is written, shared, kept and free, and adds up") {
  EngineCore core(std::make_unique<FakeModel>(), SmallOptions());
  ViewRecorder recorder(core);
  Client first = Asking(1, 40, 30);
  Submit(core, first);
  EngineView view = Turn(core, recorder);
  CHECK(view.blocks == 24);
  CHECK(view.num_cells == 24);
  CHECK(Count(view, BlockUse::kWritten) == 3);  // by this step, all of them
  CHECK(Count(view, BlockUse::kEmpty) == 21);
  Client second = Asking(1, 40, 30);  // the same text: two whole blocks are shared
  Submit(core, second);
  view = Turn(core, recorder);
  CHECK(view.num_sequences == 2);
  CHECK(view.sequences[1].cached_tokens >= 32);
  CHECK(Count(view, BlockUse::kShared) == 2);
  CHECK(Count(view, BlockUse::kWritten) == 2);
  while (!core.idle()) view = Turn(core, recorder);
  CHECK(Count(view, BlockUse::kWritten) + Count(view, BlockUse::kHeld) + Count(view, BlockUse::kShared) == 0);
  CHECK(Count(view, BlockUse::kProbation) + Count(view, BlockUse::kProtected) == core.stats().blocks_cached);
  CHECK(Count(view, BlockUse::kEmpty) == 24 - core.stats().blocks_cached);
  CHECK(Count(view, BlockUse::kProbation) > 0);
}

TEST_CASE("what was given up for others is pictured, with the reason why a prompt was not found") {
  EngineCore core(std::make_unique<FakeModel>(), SmallOptions());
  ViewRecorder recorder(core);
  Client first = Asking(1, 100, 1);
  Submit(core, first);
  EngineView view = Turn(core, recorder);
  CHECK(view.sequences[0].admitted);
  CHECK(view.sequences[0].missed == PrefixMiss::kNew);
  while (!core.idle()) Turn(core, recorder);
  Client large = Asking(50, 350, 1);  // of 22 blocks of the 24
  Submit(core, large);
  while (!core.idle()) view = Turn(core, recorder);
  CHECK(view.evictions == 5);
  CHECK(core.stats().evictions == 5);
  CHECK(std::count_if(view.last_eviction.begin(), view.last_eviction.end(), [](uint64_t n) { return n > 0; }) == 5);
  CHECK(*std::max_element(view.last_eviction.begin(), view.last_eviction.end()) == 5);
  Client again = Asking(1, 100, 1);
  Submit(core, again);
  view = Turn(core, recorder);
  CHECK(view.sequences[0].missed == PrefixMiss::kEvicted);
  while (!core.idle()) Turn(core, recorder);
  CHECK(core.stats().prefix_cache_missed_tokens[static_cast<size_t>(PrefixMiss::kEvicted)] > 0);
}

TEST_CASE("a large pool is pictured by the busiest of each cell's blocks, many sequences by the first") {
  EngineOptions options = SmallOptions();
  options.num_blocks = 3 * EngineView::kMaxCells - 5;
  options.max_num_seqs = 4;
  options.max_waiting = 100;
  EngineCore core(std::make_unique<FakeModel>(), options);
  ViewRecorder recorder(core);
  std::vector<Client> clients;
  for (int i = 0; i < EngineView::kMaxSequences + 7; ++i) clients.push_back(Asking(i, 20, 5));
  for (Client& client : clients) Submit(core, client);
  const EngineView view = Turn(core, recorder);
  CHECK(view.blocks_per_cell == 3);
  CHECK(view.num_cells == EngineView::kMaxCells - 1);
  CHECK(Count(view, BlockUse::kWritten) >= 1);
  CHECK(view.num_sequences == EngineView::kMaxSequences);
  CHECK(view.sequences_left_out == 7);
  CHECK(view.sequences[0].running);
  CHECK_FALSE(view.sequences[EngineView::kMaxSequences - 1].running);
  core.EndAll(FinishReason::kShutdown);
}

TEST_CASE("of a very large pool a sample is looked at, and what is written is seen in any case") {
  EngineOptions options = SmallOptions();
  options.num_blocks = 50'000;
  EngineCore core(std::make_unique<FakeModel>(), options);
  ViewRecorder recorder(core);
  Client client = Asking(1, 40, 5);
  Submit(core, client);
  const EngineView view = Turn(core, recorder);
  CHECK(view.blocks == 50'000);
  CHECK(view.num_cells <= EngineView::kMaxCells);
  CHECK(Count(view, BlockUse::kWritten) == 1);
  CHECK(Count(view, BlockUse::kEmpty) == view.num_cells - 1);
  core.EndAll(FinishReason::kShutdown);
}

TEST_CASE("pictures are made no more often than the interval, unless the engine falls idle") {
  EngineCore core(std::make_unique<FakeModel>(), SmallOptions());
  ViewRecorder recorder(core);
  Client client = Asking(1, 30, 20);
  Submit(core, client);
  const Clock::time_point now = Clock::now();
  core.Step();
  recorder.Note(core, now);
  core.Step();
  recorder.Note(core, now + ViewRecorder::kInterval / 2);
  CHECK(recorder.Get().steps == 1);
  core.Step();
  recorder.Note(core, now + ViewRecorder::kInterval);
  CHECK(recorder.Get().steps == 3);
  CHECK(recorder.Get().recent_steps[2].number == 2);  // what lay between is not lost
  CHECK(recorder.Get().picture_seconds > 0);
  while (!core.idle()) {
    core.Step();
    recorder.Note(core, now + ViewRecorder::kInterval);
  }
  CHECK(recorder.Get().num_sequences == 0);
}

}  // namespace
}  // namespace puna::engine
