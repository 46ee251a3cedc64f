// The same request gives the same ids and log-probabilities, to the bit, alone and in a crowd, cold and from the cache, with any
// chunks, preempted or not, guessed or not, with one thread and two: on the demo model, for each weight format.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "engine/checkpoint/checkpoint.h"
#include "engine/engine_core.h"
#include "engine/model/llama.h"
#include "tests/support/reference_run.h"

namespace puna::engine {
namespace {

using std::chrono::milliseconds;

struct Setup {
  WeightFormat format = WeightFormat::kBf16;
  int threads = 1;
  EngineOptions engine;
};

Setup Plain(WeightFormat format) {
  Setup setup;
  setup.format = format;
  setup.engine.num_blocks = 1000;
  setup.engine.max_num_seqs = 32;
  setup.engine.max_model_len = 1024;
  setup.engine.prefix_caching = false;
  setup.engine.speculation = false;
  setup.engine.itl_target_ms = 0;  // chunks do not depend on the clock
  return setup;
}

EngineCore MakeCore(const Setup& setup) {
  const Checkpoint checkpoint = OpenCheckpoint(std::string(PUNA_SOURCE_DIR) + "/engine/demo/model");
  LlamaOptions options;
  options.weights = setup.format;
  options.isa = DetectIsa();
  options.threads = setup.threads;
  options.max_batched_tokens = setup.engine.max_num_batched_tokens;
  return EngineCore(LoadLlama(checkpoint, options, {}), setup.engine);
}

// The requests that are compared: greedy, drawn, drawn with everything.
Request MakeRequest(int which) {
  std::mt19937 random(which);
  Request request;
  for (int i = 0; i < 40 + 130 * which; ++i) request.prompt.push_back(static_cast<TokenId>(random() % 2030));
  request.stop.max_new_tokens = 40;
  request.num_logprobs = 3;
  request.sampling.temperature = which == 0 ? 0.0f : 1.0f;
  request.sampling.seed = which;
  if (which == 2) {
    request.sampling.top_p = 0.9f;
    request.sampling.repetition_penalty = 1.2f;
  }
  return request;
}
constexpr int kNumRequests = 3;

TokenReader Submit(EngineCore& core, Request request) {
  auto stream = std::make_shared<TokenStream>();
  request.stream = stream;
  core.Add(std::move(request));
  return TokenReader(std::move(stream));
}

std::vector<Answer> RunAll(EngineCore& core, const std::vector<Answer>* predictions = nullptr) {
  std::vector<TokenReader> readers;
  for (int which = 0; which < kNumRequests; ++which) {
    Request request = MakeRequest(which);
    if (predictions != nullptr) {
      request.prediction = (*predictions)[which].tokens;
      request.prediction[20] = 1;
    }
    readers.push_back(Submit(core, std::move(request)));
  }
  while (!core.idle()) core.Step();
  std::vector<Answer> answers(kNumRequests);
  for (int which = 0; which < kNumRequests; ++which) {
    std::optional<Finish> finish;
    REQUIRE(Collect(readers[which], milliseconds(0), answers[which], finish));
  }
  return answers;
}

std::vector<Answer> RunEachAlone(const Setup& setup) {
  std::vector<Answer> answers(kNumRequests);
  for (int which = 0; which < kNumRequests; ++which) {
    EngineCore core = MakeCore(setup);
    TokenReader reader = Submit(core, MakeRequest(which));
    while (!core.idle()) core.Step();
    std::optional<Finish> finish;
    REQUIRE(Collect(reader, milliseconds(0), answers[which], finish));
    REQUIRE(answers[which].tokens.size() == 40);
  }
  return answers;
}

void CheckSame(const std::vector<Answer>& got, const std::vector<Answer>& expected) {
  for (int which = 0; which < kNumRequests; ++which) {
    CAPTURE(which);
    CHECK(got[which].tokens == expected[which].tokens);
    CHECK(got[which].logprobs == expected[which].logprobs);
  }
}

void CheckFormat(WeightFormat format) {
  const std::vector<Answer> alone = RunEachAlone(Plain(format));
  SUBCASE("among sixteen others, which come and go") {
    EngineCore core = MakeCore(Plain(format));
    std::vector<TokenReader> others;
    for (int i = 0; i < 16; ++i) {
      Request other = MakeRequest(100);
      other.prompt.resize(5 + 20 * i, i);
      other.stop.max_new_tokens = 5 + 3 * i;
      others.push_back(Submit(core, std::move(other)));
      if (i % 4 == 0) core.Step();
    }
    CheckSame(RunAll(core), alone);
  }
  SUBCASE("cold and from the cache") {
    Setup setup = Plain(format);
    setup.engine.prefix_caching = true;
    EngineCore core = MakeCore(setup);
    CheckSame(RunAll(core), alone);
    CHECK(core.stats().prefix_cache_hit_tokens == 0);
    CheckSame(RunAll(core), alone);
    CHECK(core.stats().prefix_cache_hit_tokens == 40 + 170 + 300 - 3);  // all but the last of each
  }
  SUBCASE("in chunks") {
    for (const int chunk : {5, 33}) {
      Setup setup = Plain(format);
      setup.engine.max_num_seqs = 4;
      setup.engine.max_num_batched_tokens = chunk;
      EngineCore core = MakeCore(setup);
      CheckSame(RunAll(core), alone);
    }
  }
  SUBCASE("preempted, without and with a cache to come back from") {
    for (const bool caching : {false, true}) {
      Setup setup = Plain(format);
      setup.engine.num_blocks = 37;  // 3 + 11 + 19 for the prompts, 42 at the end
      setup.engine.max_model_len = 340;
      setup.engine.prefix_caching = caching;
      EngineCore core = MakeCore(setup);
      CheckSame(RunAll(core), alone);
      CHECK(core.stats().preemptions > 0);
    }
  }
  SUBCASE("guessed") {
    Setup setup = Plain(format);
    setup.engine.speculation = true;
    EngineCore core = MakeCore(setup);
    CheckSame(RunAll(core, &alone), alone);
    CHECK(core.stats().accepted_draft_tokens > 60);
  }
  SUBCASE("with two threads") {
    Setup setup = Plain(format);
    setup.threads = 2;
    EngineCore core = MakeCore(setup);
    CheckSame(RunAll(core), alone);
  }
}

TEST_CASE("bf16 is exact") { CheckFormat(WeightFormat::kBf16); }
TEST_CASE("w8a8 is exact") { CheckFormat(WeightFormat::kW8A8); }
TEST_CASE("w4a8 is exact") { CheckFormat(WeightFormat::kW4A8); }

}  // namespace
}  // namespace puna::engine
