// A random walk of the whole engine over a real model, so that what the fake model forgives is met: repeated, shared,
// cut and one-token prompts and embeddings beside long ones. Each answer equals the one of an engine that computes it
// alone.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "engine/checkpoint/open_checkpoint.h"
#include "engine/engine_core.h"
#include "engine/model/llama.h"
#include "tests/support/reference_run.h"

namespace puna::engine {
namespace {

using std::chrono::milliseconds;

constexpr int kVocab = 500;  // ids below are in the demo model's vocabulary

EngineCore MakeDemo(const EngineOptions& engine) {
  LlamaOptions options;
  options.isa = DetectIsa();
  options.threads = 1;
  options.max_batched_tokens = engine.max_num_batched_tokens;
  const Checkpoint checkpoint = OpenCheckpoint(std::string(PUNA_SOURCE_DIR) + "/engine/demo/model");
  return EngineCore(LoadLlama(checkpoint, options, {}), engine);
}

EngineOptions MakeOptions() {
  EngineOptions options;
  options.num_blocks = 120;
  options.max_num_seqs = 6;
  options.max_num_batched_tokens = 32;
  options.max_model_len = 400;
  options.itl_target_ms = 0;  // the walk does not depend on the clock
  options.report_fault = [](const std::string& report) { FAIL_CHECK(report); };
  return options;
}

struct Asked {
  std::vector<TokenId> prompt;
  int max_new_tokens = 0;
  Pooling pooling = Pooling::kNone;
  auto operator<=>(const Asked&) const = default;
};

TokenReader Submit(EngineCore& core, const Asked& asked) {
  Request request;
  request.prompt = asked.prompt;
  request.stop.max_new_tokens = asked.max_new_tokens;
  request.pooling = asked.pooling;
  request.sampling.seed = 7;
  request.num_logprobs = 1;
  auto stream = std::make_shared<TokenStream>();
  request.stream = stream;
  core.Add(std::move(request));
  return TokenReader(std::move(stream));
}

Answer Read(TokenReader& reader) {
  Answer answer;
  std::optional<Finish> finish;
  REQUIRE(Collect(reader, milliseconds(0), answer, finish));
  REQUIRE(finish);
  answer.reason = finish->reason;
  return answer;
}

Asked MakeAsked(std::mt19937& random, const std::vector<Asked>& earlier) {
  if (!earlier.empty() && random() % 3 == 0) return earlier[random() % earlier.size()];
  Asked asked;
  const uint32_t text = random() % 3;
  const int length = random() % 4 == 0   ? 1
                     : random() % 3 == 0 ? 150 + static_cast<int>(random() % 150)
                                         : static_cast<int>(2 + random() % 60);
  for (int i = 0; i < length; ++i)
    asked.prompt.push_back(static_cast<TokenId>((text * 131 + static_cast<uint32_t>(i * i)) % kVocab));
  if (random() % 4 == 0) {
    asked.pooling = random() % 2 == 0 ? Pooling::kMean : Pooling::kLast;
  } else {
    asked.max_new_tokens = 1 + static_cast<int>(random() % 8);
  }
  return asked;
}

TEST_CASE("random walk over the demo model: repeated, cut and one-token prompts and embeddings beside long prompts") {
  std::mt19937 random(11);
  EngineCore core = MakeDemo(MakeOptions());
  std::vector<Asked> asked;
  std::vector<TokenReader> readers;
  while (asked.size() < 150 || !core.idle()) {
    while (asked.size() < 150 && (core.idle() || random() % 3 == 0)) {
      asked.push_back(MakeAsked(random, asked));
      readers.push_back(Submit(core, asked.back()));
    }
    core.Step();
    REQUIRE(core.scheduler().FindFault() == "");
  }
  CHECK(core.stats().prefix_cache_hit_tokens > 1000);
  EngineOptions alone = MakeOptions();
  alone.prefix_caching = alone.speculation = false;
  EngineCore reference = MakeDemo(alone);
  std::map<Asked, Answer> expected;
  for (size_t i = 0; i < asked.size(); ++i) {
    CAPTURE(i);
    if (!expected.contains(asked[i])) {
      TokenReader reader = Submit(reference, asked[i]);
      while (!reference.idle()) reference.Step();
      expected[asked[i]] = Read(reader);
    }
    const Answer answer = Read(readers[i]);
    CHECK(answer.tokens == expected[asked[i]].tokens);
    CHECK(answer.logprobs == expected[asked[i]].logprobs);
    CHECK(answer.embedding == expected[asked[i]].embedding);
    CHECK(answer.reason == expected[asked[i]].reason);
  }
}

}  // namespace
}  // namespace puna::engine
