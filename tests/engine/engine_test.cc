// The engine with its thread: many clients at once. Also run under ThreadSanitizer.
#include "engine/engine.h"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/fake_model.h"
#include "tests/support/reference_run.h"
#include "tests/support/wait.h"

namespace puna::engine {
namespace {

using std::chrono::milliseconds;

EngineOptions MakeOptions() {
  EngineOptions options;
  options.num_blocks = 64;
  options.max_num_seqs = 4;
  options.max_num_batched_tokens = 64;
  options.max_waiting = 8;
  return options;
}

Request MakeRequest(uint32_t number, int max_new_tokens) {
  Request request;
  std::mt19937 random(number);
  for (uint32_t i = 0; i <= random() % 50; ++i) request.prompt.push_back(static_cast<TokenId>(random() % 97));
  request.stop.max_new_tokens = max_new_tokens;
  request.sampling.seed = number;
  return request;
}

Answer ReadAll(TokenReader& reader, std::optional<Finish>& finish) {
  Answer answer;
  while (!Collect(reader, kHang, answer, finish)) {
  }
  return answer;
}

void WaitFor(const std::function<bool()>& condition) { CHECK(Comes(condition)); }

TEST_CASE("clients from many threads each get their own answer") {
  Engine engine(std::make_unique<FakeModel>(), MakeOptions());
  std::atomic<int> right{0}, left{0}, refused{0};
  std::vector<std::thread> clients;
  for (uint32_t c = 0; c < 6; ++c) {
    clients.emplace_back([&, c] {
      ReferenceRun reference({});
      for (uint32_t i = 0; i < 20; ++i) {
        const uint32_t number = 100 * c + i;
        std::optional<TokenReader> reader = engine.Submit(MakeRequest(number, 30));
        if (!reader) {
          ++refused;
          continue;
        }
        if (number % 5 == 0) {  // walks away after the first tokens
          reader->Wait(milliseconds(5));
          ++left;
          continue;
        }
        std::optional<Finish> finish;
        const Answer answer = ReadAll(*reader, finish);
        right += answer.tokens == reference.Run(MakeRequest(number, 30), engine.limits().max_model_len).tokens;
      }
    });
  }
  std::thread watcher([&engine] {
    for (int i = 0; i < 50; ++i) {
      CHECK(engine.stats().running <= 4);
      std::this_thread::sleep_for(milliseconds(1));
    }
  });
  for (std::thread& client : clients) client.join();
  watcher.join();
  CHECK(right + left + refused == 120);
  CHECK(left == 24);
  CHECK(refused == 0);  // six at once, twelve places
  WaitFor([&engine] { return engine.stats().blocks_used == 0; });
  const EngineStats stats = engine.stats();
  CHECK(stats.finished_length + stats.finished_cancelled == 120);
  CHECK(stats.steps > 0);
  CHECK(stats.generated_tokens > 0);
}

TEST_CASE("a full engine refuses, and takes again when somebody has left") {
  EngineOptions options = MakeOptions();
  options.max_num_seqs = 1;
  options.max_waiting = 1;
  Engine engine(std::make_unique<FakeModel>(FakeModelOptions{.step_time = milliseconds(20)}), options);
  std::optional<TokenReader> running = engine.Submit(MakeRequest(1, 900));
  std::optional<TokenReader> waiting = engine.Submit(MakeRequest(2, 1));
  CHECK(running);
  CHECK(waiting);
  CHECK_FALSE(engine.Submit(MakeRequest(3, 1)));
  WaitFor([&engine] { return engine.stats().running == 1 && engine.stats().waiting == 1; });
  CHECK(engine.stats().max_waiting == 1);
  running.reset();  // its reader goes away
  std::optional<Finish> finish;
  ReadAll(*waiting, finish);
  CHECK(finish->reason == FinishReason::kLength);
  CHECK(finish->usage.queue_seconds > 0);
  std::optional<TokenReader> next;
  WaitFor([&] { return next || (next = engine.Submit(MakeRequest(3, 1))); });
}

TEST_CASE("a reader that goes away frees its blocks, in the middle of a long prompt too") {
  Engine engine(std::make_unique<FakeModel>(FakeModelOptions{.step_time = milliseconds(20)}), MakeOptions());
  Request request = MakeRequest(1, 10);
  request.prompt.resize(1000, 5);
  std::optional<TokenReader> reader = engine.Submit(std::move(request));
  WaitFor([&engine] { return engine.stats().blocks_used > 0; });
  reader.reset();
  WaitFor([&engine] { return engine.stats().blocks_used == 0; });
  CHECK(engine.stats().finished_cancelled == 1);
}

TEST_CASE("drain: what runs ends by itself, nobody comes in") {
  Engine engine(std::make_unique<FakeModel>(FakeModelOptions{.step_time = milliseconds(1)}), MakeOptions());
  std::optional<TokenReader> reader = engine.Submit(MakeRequest(1, 40));
  std::thread drainer([&engine] { CHECK(engine.Drain(kHang)); });
  std::optional<Finish> finish;
  CHECK(ReadAll(*reader, finish).tokens.size() == 40);
  CHECK(finish->reason == FinishReason::kLength);
  drainer.join();
  CHECK_FALSE(engine.Submit(MakeRequest(2, 1)));
}

TEST_CASE("drain: what takes too long is told so, whether it runs or waits") {
  EngineOptions options = MakeOptions();
  options.max_num_seqs = 1;
  Engine engine(std::make_unique<FakeModel>(FakeModelOptions{.step_time = milliseconds(20)}), options);
  std::optional<TokenReader> running = engine.Submit(MakeRequest(1, 900));
  std::optional<TokenReader> waiting = engine.Submit(MakeRequest(2, 900));
  CHECK_FALSE(engine.Drain(milliseconds(20)));
  for (TokenReader* reader : {&*running, &*waiting}) {
    std::optional<Finish> finish;
    ReadAll(*reader, finish);
    CHECK(finish->reason == FinishReason::kShutdown);
  }
}

TEST_CASE("destruction ends every stream") {
  std::optional<TokenReader> reader;
  {
    Engine engine(std::make_unique<FakeModel>(FakeModelOptions{.step_time = milliseconds(20)}), MakeOptions());
    reader = engine.Submit(MakeRequest(1, 900));
  }
  std::optional<Finish> finish;
  ReadAll(*reader, finish);
  CHECK(finish->reason == FinishReason::kShutdown);
}

template <typename Histogram>
uint64_t CountOf(const Histogram& histogram) {
  return std::accumulate(histogram.counts.begin(), histogram.counts.end(), uint64_t{0});
}

TEST_CASE("each sequence is in the histograms once, each step too") {
  Engine engine(std::make_unique<FakeModel>(), [] {
    EngineOptions options = MakeOptions();
    options.speculation = false;
    return options;
  }());
  std::optional<TokenReader> enough = engine.Submit(MakeRequest(3, 900));
  enough->Cancel();
  std::optional<Finish> finish;
  ReadAll(*enough, finish);
  for (uint32_t i = 0; i < 3; ++i) {
    std::optional<TokenReader> reader = engine.Submit(MakeRequest(i, 5));
    finish.reset();
    ReadAll(*reader, finish);
  }
  WaitFor([&engine] { return CountOf(engine.stats().e2e_latency) == 4; });
  const EngineStats stats = engine.stats();
  CHECK(stats.finished_stop + stats.finished_length == 4);
  CHECK(stats.finished_cancelled == 0);
  CHECK(CountOf(stats.time_to_first_token) >= 3);
  CHECK(CountOf(stats.time_to_first_token) + CountOf(stats.inter_token_latency) == stats.generated_tokens);
  CHECK(stats.output_lengths.sum == static_cast<double>(stats.generated_tokens));
  CHECK(CountOf(stats.step_time) == stats.steps);
  CHECK(CountOf(stats.step_sequences) == stats.steps);
}

// A step costs 100 J, a pause 1 J.
class CountingMeter : public EnergyMeter {
 public:
  double Take(bool busy) override { return busy ? 100 : 1; }
};

TEST_CASE("the energy of steps is shared out whole, also to those that end early") {
  EngineOptions options = MakeOptions();
  options.energy_meter = std::make_shared<CountingMeter>();
  Engine engine(std::make_unique<FakeModel>(), options);
  std::vector<TokenReader> readers;
  for (uint32_t i = 0; i < 10; ++i) readers.push_back(*engine.Submit(MakeRequest(i, 5 + static_cast<int>(i))));
  readers[3].Cancel();
  double shared = 0;
  for (TokenReader& reader : readers) {
    std::optional<Finish> finish;
    ReadAll(reader, finish);
    CHECK((finish->usage.energy_joules > 0 || finish->reason == FinishReason::kCancelled));
    shared += finish->usage.energy_joules;
  }
  WaitFor([&engine] { return engine.stats().running + engine.stats().waiting == 0 && engine.stats().idle_joules > 0; });
  const EngineStats stats = engine.stats();
  CHECK(stats.busy_joules == 100.0 * static_cast<double>(stats.steps));
  CHECK(std::abs(shared - stats.busy_joules) < 1e-6);
}

TEST_CASE("an idle engine shows that it lives") {
  Engine engine(std::make_unique<FakeModel>(), MakeOptions());
  WaitFor([&engine] { return engine.stats().seconds_since_beat > 1; });
  WaitFor([&engine] { return engine.stats().seconds_since_beat < 1; });
}

TEST_CASE("an idle engine sleeps") {
  Engine engine(std::make_unique<FakeModel>(), MakeOptions());
  std::optional<TokenReader> reader = engine.Submit(MakeRequest(1, 5));
  std::optional<Finish> finish;
  ReadAll(*reader, finish);
  WaitFor([&engine] { return engine.stats().seconds_in_current_step == 0; });
  CHECK(ComesToRest());
}

TEST_CASE("the heartbeat runs while a step does, and the fingerprint is the model's") {
  Engine engine(std::make_unique<FakeModel>(FakeModelOptions{.step_time = milliseconds(200)}), MakeOptions());
  std::optional<TokenReader> reader = engine.Submit(MakeRequest(1, 900));
  WaitFor([&engine] { return engine.stats().seconds_in_current_step > 0.05; });
  CHECK(engine.fingerprint().starts_with("fp_"));
  CHECK(engine.fingerprint().size() == 19);
}

}  // namespace
}  // namespace puna::engine
