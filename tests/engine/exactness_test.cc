// The same request gives the same ids and log-probabilities, to the bit, alone and in a crowd, cold and from the cache,
// with any chunks, preempted or not, guessed or not, with one thread and two: on the demo model and a golden one, for
// each weight format and each format of the cache.
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "engine/checkpoint/open_checkpoint.h"
#include "engine/engine_core.h"
#include "engine/model/llama.h"
#include "tests/support/reference_run.h"
#include "tests/support/sanitized.h"
#include "tests/support/shared_data.h"

namespace puna::engine {
namespace {

using std::chrono::milliseconds;

const std::string kDemo = std::string(PUNA_SOURCE_DIR) + "/engine/demo/model";

struct Setup {
  std::string folder;
  std::optional<WeightFormat> format = WeightFormat::kBf16;
  KvDtype kv_dtype = KvDtype::kBf16;
  int threads = 1;
  Isa isa = DetectIsa();
  EngineOptions engine;
};

Setup Plain(const std::string& folder, std::optional<WeightFormat> format, KvDtype kv_dtype) {
  Setup setup;
  setup.folder = folder;
  setup.format = format;
  setup.kv_dtype = kv_dtype;
  setup.engine.num_blocks = 1000;
  setup.engine.max_num_seqs = 32;
  setup.engine.max_model_len = 1024;
  setup.engine.prefix_caching = false;
  setup.engine.speculation = false;
  setup.engine.itl_target_ms = 0;  // chunks do not depend on the clock
  setup.engine.measured_guesses = false;
  return setup;
}

EngineCore MakeCore(const Setup& setup) {
  const Checkpoint checkpoint = OpenCheckpoint(setup.folder);
  LlamaOptions options;
  options.weights = setup.format;
  options.kv_dtype = setup.kv_dtype;
  options.isa = setup.isa;
  options.threads = setup.threads;
  options.max_batched_tokens = setup.engine.max_num_batched_tokens;
  return EngineCore(LoadLlama(checkpoint, options, {}), setup.engine);
}

// The requests that are compared: greedy, drawn, drawn with everything.
Request MakeRequest(int which) {
  std::mt19937 random(which);
  Request request;
  // Ids that are in every vocabulary.
  for (int i = 0; i < 40 + 130 * which; ++i) request.prompt.push_back(static_cast<TokenId>(random() % 500));
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

// What each of the company's sixteen is: of any length, gone after a while.
Request MakeOther(int i) {
  Request other = MakeRequest(100);
  other.prompt.resize(5 + 20 * i, i);
  other.stop.max_new_tokens = 5 + 3 * i;
  return other;
}

std::vector<Answer> RunAmongSixteen(EngineCore& core, const std::vector<Answer>* predictions = nullptr) {
  std::vector<TokenReader> others;
  for (int i = 0; i < 16; ++i) {
    others.push_back(Submit(core, MakeOther(i)));
    if (i % 4 == 0) core.Step();
  }
  return RunAll(core, predictions);
}

void CheckFormat(const std::string& folder, WeightFormat format, KvDtype kv_dtype) {
  CAPTURE(std::string(Name(format)));
  CAPTURE(std::string(Name(kv_dtype)));
  const Setup plain = Plain(folder, format, kv_dtype);
  const std::vector<Answer> alone = RunEachAlone(plain);
  {
    INFO("among sixteen others, which come and go");
    EngineCore core = MakeCore(plain);
    CheckSame(RunAmongSixteen(core), alone);
  }
  {
    INFO("cold and from the cache");
    Setup setup = plain;
    setup.engine.prefix_caching = true;
    EngineCore core = MakeCore(setup);
    CheckSame(RunAll(core), alone);
    CHECK(core.stats().prefix_cache_hit_tokens == 0);
    CheckSame(RunAll(core), alone);
    CHECK(core.stats().prefix_cache_hit_tokens ==
          40 + 170 + 300 - 3);  // all but the last of each, copied within a block
  }
  for (const int chunk : {5, 33}) {
    INFO("in chunks of " << chunk);
    Setup setup = plain;
    setup.engine.max_num_seqs = 4;
    setup.engine.max_num_batched_tokens = chunk;
    EngineCore core = MakeCore(setup);
    CheckSame(RunAll(core), alone);
  }
  for (const bool caching : {false, true}) {
    INFO("preempted, a cache to come back from: " << caching);
    Setup setup = plain;
    setup.engine.num_blocks = 37;  // 3 + 11 + 19 for the prompts, 42 at the end
    setup.engine.max_model_len = 340;
    setup.engine.prefix_caching = caching;
    EngineCore core = MakeCore(setup);
    CheckSame(RunAll(core), alone);
    CHECK(core.stats().preemptions > 0);
  }
  {
    INFO("guessed");
    Setup setup = plain;
    setup.engine.speculation = true;
    EngineCore core = MakeCore(setup);
    CheckSame(RunAll(core, &alone), alone);
    CHECK(core.stats().accepted_draft_tokens > 60);
  }
  {
    INFO("with two threads");
    Setup setup = plain;
    setup.threads = 2;
    EngineCore core = MakeCore(setup);
    CheckSame(RunAll(core), alone);
  }
  {
    INFO("all of it at once");
    Setup setup = plain;
    setup.threads = 2;
    setup.engine.num_blocks = 40;
    setup.engine.max_model_len = 360;
    setup.engine.max_num_batched_tokens = 57;
    setup.engine.prefix_caching = setup.engine.speculation = true;
    EngineCore core = MakeCore(setup);
    for (int round = 0; round < 2; ++round) CheckSame(RunAmongSixteen(core, &alone), alone);
    CHECK(core.stats().prefix_cache_hit_tokens > 0);
    CHECK(core.stats().accepted_draft_tokens > 60);
  }
}

TEST_CASE("bf16 is exact") { CheckFormat(kDemo, WeightFormat::kBf16, KvDtype::kBf16); }
TEST_CASE("bf16 with an int8 cache is exact") { CheckFormat(kDemo, WeightFormat::kBf16, KvDtype::kInt8); }
TEST_CASE("w8a8 is exact") { CheckFormat(kDemo, WeightFormat::kW8A8, KvDtype::kBf16); }
TEST_CASE("w8a8 with an int8 cache is exact") { CheckFormat(kDemo, WeightFormat::kW8A8, KvDtype::kInt8); }
TEST_CASE("w4a8 is exact") { CheckFormat(kDemo, WeightFormat::kW4A8, KvDtype::kBf16); }
TEST_CASE("w4a8 with an int8 cache is exact") { CheckFormat(kDemo, WeightFormat::kW4A8, KvDtype::kInt8); }

TEST_CASE("the fingerprint names what a result depends on, and nothing else") {
  const auto fingerprint = [](const Setup& setup) { return MakeCore(setup).fingerprint(); };
  const Setup plain = Plain(kDemo, WeightFormat::kBf16, KvDtype::kBf16);
  Setup same = plain;
  same.threads = 2;
  same.engine.max_num_batched_tokens = 57;
  same.engine.prefix_caching = same.engine.speculation = true;
  CHECK(fingerprint(same) == fingerprint(plain));
  CHECK(fingerprint(Plain(kDemo, WeightFormat::kW8A8, KvDtype::kBf16)) != fingerprint(plain));
  CHECK(fingerprint(Plain(kDemo, WeightFormat::kBf16, KvDtype::kInt8)) != fingerprint(plain));
  for (const WeightFormat format : {WeightFormat::kBf16, WeightFormat::kW4A8}) {
    for (const KvDtype kv_dtype : {KvDtype::kBf16, KvDtype::kInt8}) {
      Setup best = Plain(kDemo, format, kv_dtype), other = best;
      other.isa = Isa::kScalar;
      const bool same_bits = format == WeightFormat::kW4A8 && kv_dtype == KvDtype::kInt8;
      if (best.isa != other.isa) CHECK((fingerprint(best) == fingerprint(other)) == same_bits);
    }
  }
  if (!testing::HaveShared("golden/models")) return;
  const auto golden = [&](const char* model) {
    return fingerprint(Plain(testing::SharedPath("golden/models/") + model, WeightFormat::kBf16, KvDtype::kBf16));
  };
  CHECK(golden("a") != golden("b"));
  CHECK(golden("a") != fingerprint(plain));
}

// All sets of this machine, forced: the sampler's included.
void CheckEveryIsa(const std::string& folder, std::optional<WeightFormat> format) {
  CAPTURE(folder);
  CAPTURE(std::string(format ? Name(*format) : "auto"));
  Setup setup = Plain(folder, format, KvDtype::kInt8);
  setup.isa = Isa::kScalar;
  EngineCore scalar = MakeCore(setup);
  const std::vector<Answer> expected = RunAll(scalar);
  for (const Isa isa : AvailableIsas()) {
    if (testing::kSanitized && isa == Isa::kScalar) continue;
    CAPTURE(std::string(Name(isa)));
    setup.isa = isa;
    EngineCore core = MakeCore(setup);
    CheckSame(RunAmongSixteen(core), expected);
    CHECK(core.fingerprint() == scalar.fingerprint());
  }
}

TEST_CASE("w8a8 and w4a8 with an int8 cache have the same bits on every instruction set") {
  std::vector<std::string> folders = {kDemo};
  if (!testing::kSanitized && testing::HaveShared("golden/models")) {
    for (const char* model : {"a", "b", "c"}) folders.push_back(testing::SharedPath("golden/models/") + model);
  }
  for (const std::string& folder : folders) {
    for (const WeightFormat format : {WeightFormat::kW8A8, WeightFormat::kW4A8}) CheckEveryIsa(folder, format);
  }
}

TEST_CASE("quantised files in their own codes have the same bits on every instruction set, alone and in company") {
  if (!testing::HaveShared("golden/formats")) return;
  for (const char* name : {"gguf/k1-every-type", "gguf/k2-Q4_K_M", "gguf/k1-Q3_K_M", "mlx_mixed", "gptq_v2_asym"}) {
    CheckEveryIsa(testing::SharedPath("golden/formats/") + name, std::nullopt);
    if (testing::kSanitized) break;
  }
}

TEST_CASE("golden models are exact") {
  if (!testing::HaveShared("golden/models")) return;
  for (const std::string model : {"a", "b", "c"}) {
    CAPTURE(model);
    for (const WeightFormat format : {WeightFormat::kBf16, WeightFormat::kW8A8, WeightFormat::kW4A8}) {
      CheckFormat(testing::SharedPath("golden/models/") + model, format,
                  model == "b" ? KvDtype::kInt8 : KvDtype::kBf16);
    }
    if (testing::kSanitized) break;
  }
}

}  // namespace
}  // namespace puna::engine
