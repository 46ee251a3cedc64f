// An allocation that fails, at any point of the engine's work, ends the requests that it was for, each of them once; the others get
// what they get alone.
#include <doctest/doctest.h>

#include <list>
#include <thread>
#include <vector>

#include "tests/support/core_client.h"
#include "tests/support/failing_allocations.h"
#include "tests/support/fake_disk.h"
#include "tests/support/wait.h"

namespace puna::engine {
namespace {

using testing::AllocationFaults;
using testing::FailingAllocations;

// Three ids that must come, then anything.
class Beginning final : public TokenConstraint {
 public:
  void MaskNext(std::span<uint64_t>) override {}
  bool active() const override { return false; }
  void Accept(TokenId) override { ++accepted_; }
  std::vector<TokenId> Forced() override {
    std::vector<TokenId> ids;
    for (int i = accepted_; i < 3; ++i) ids.push_back(7 + i);
    return ids;
  }
  int CountAccepted(std::span<const TokenId> ids) override { return static_cast<int>(ids.size()); }

 private:
  int accepted_ = 0;
};

struct Asker : Client {
  Request request;  // ready to be added
  bool forced = false, added = false, leaves = false;
};

class Company {
 public:
  explicit Company(const EngineOptions& options) : core_(std::make_unique<FakeModel>(), options) {
    const Ids text = Text(70, 3);
    Make(text, 20).sampling.repetition_penalty = 1.3f;
    Make(text, 12).num_logprobs = 2;
    Make(Text(30, 5), 4).prompt_logprobs = true;
    Make(Text(40, 7), 0).pooling = Pooling::kMean;
    Make(Text(20, 9), 9);
    askers_.back().forced = true;
    Make(Text(150, 11), 30).tenant = 1;
    Request& guessed = Make(Text(33, 13), 40);
    guessed.tenant = 1;
    guessed.sampling.temperature = 0;
    guessed.prediction = ReferenceRun({}).Run(guessed, core_.limits().max_model_len).tokens;
    Make(Text(90, 15), 60);
    askers_.back().leaves = true;
    Make(text, 30).priority = -1;
    for (Asker& asker : askers_) Prepare(asker);
  }

  // All come within a few steps, and all have gone when it returns.
  void Run(FailingAllocations& faults) {
    int steps = 0;
    size_t arrived = 0;
    for (auto asker = askers_.begin(); asker != askers_.end() || !core_.idle() || core_.scheduler().has_finished();) {
      for (int i = 0; i < 3 && asker != askers_.end(); ++i, ++asker, ++arrived) Add(*asker);
      for (Asker& other : askers_) {
        if (other.leaves && steps == 6) other.reader.reset();
      }
      core_.Step();
      num_ended_ += core_.tenants_of_ended().size();
      faults.Pause(true);
      REQUIRE(core_.scheduler().FindFault() == "");
      REQUIRE(++steps < 200000);
      if (core_.has_nothing_to_do()) std::this_thread::sleep_for(std::chrono::microseconds(50));  // the disk has
      faults.Pause(false);
    }
  }

  // How many were ended for want of memory.
  int Check() {
    size_t num_added = 0;
    int failed = 0;
    for (Asker& asker : askers_) {
      num_added += asker.added;
      failed += CheckOne(asker);
    }
    CHECK(num_ended_ == num_added);
    CHECK(core_.scheduler().pool().num_held() == 0);
    return failed;
  }

  EngineCore& core() { return core_; }

 private:
  static Ids Text(int size, int step) {
    Ids ids;
    for (int i = 0; i < size; ++i) ids.push_back((i * step + i / 9) % 97);
    return ids;
  }

  Request& Make(Ids prompt, int max_new_tokens) {
    Request& request = askers_.emplace_back().asked;
    request.prompt = std::move(prompt);
    request.stop.max_new_tokens = max_new_tokens;
    return request;
  }

  static void Prepare(Asker& asker) {
    asker.request = Copy(asker.asked);
    asker.request.stream = std::make_shared<TokenStream>();
    asker.reader.emplace(asker.request.stream);
    if (asker.forced) asker.request.constraint = std::make_unique<Beginning>();
  }

  void Add(Asker& asker) {
    try {
      core_.Add(std::move(asker.request));
      asker.added = true;
    } catch (const std::bad_alloc&) {
    }
  }

  bool CheckOne(Asker& asker) {
    if (!asker.reader) return false;
    const bool ended = Collect(*asker.reader, milliseconds(0), asker.answer, asker.finish);
    CHECK(ended == asker.added);
    if (!ended) {
      CHECK(asker.answer.tokens.empty());
      return true;
    }
    if (asker.finish->reason == FinishReason::kError) {
      CHECK(asker.finish->error == kNoMemory);
      return true;
    }
    if (!asker.forced) CheckEqual(asker, ReferenceRun({}).Run(asker.asked, core_.limits().max_model_len));
    return false;
  }

  EngineCore core_;
  std::list<Asker> askers_;
  size_t num_ended_ = 0;
};

struct Outcome {
  uint64_t seen = 0;
  int failed = 0;
};

Outcome RunWith(const EngineOptions& options, uint64_t skip, uint64_t count) {
  CAPTURE(skip);
  CAPTURE(count);
  Company company(options);
  if (options.kv_disk.folder) REQUIRE(Comes([&] { return company.core().stats().disk.ready; }));
  Outcome outcome;
  {
    FailingAllocations faults({.skip = skip, .count = count, .of = AllocationFaults::Of::kOwnThread});
    company.Run(faults);
    outcome.seen = faults.num_seen();
  }
  outcome.failed = company.Check();
  return outcome;
}

// Each `stride`th allocation fails alone, and now and then forty in a row.
void FailThrough(const EngineOptions& options, uint64_t stride) {
  const Outcome sound = RunWith(options, 0, 0);
  REQUIRE(sound.failed == 0);
  REQUIRE(sound.seen > 500);
  int failed = 0, runs = 0;
  for (uint64_t skip = 0; skip < sound.seen; skip += stride, ++runs) failed += RunWith(options, skip, 1).failed;
  CHECK(failed > runs / 4);  // some cost a guess or a name in the cache only
  CHECK(failed < 6 * runs);
  for (uint64_t skip = 1; skip < sound.seen; skip += 9 * stride) RunWith(options, skip, 40);
}

EngineOptions OptionsWithoutMemory() {
  EngineOptions options = SmallOptions();
  options.num_blocks = 16;  // so that some make way for others
  options.remembered_tokens = 4096;
  return options;
}

TEST_CASE("beside the cache in memory alone") { FailThrough(OptionsWithoutMemory(), 3); }

TEST_CASE("beside a cache on disk, to which blocks go and from which they come") {
  EngineOptions options = OptionsWithoutMemory();
  options.kv_disk = {std::make_shared<FakeDisk>(),
                     1 << 20,
                     {.long_prompt = 64, .worth_keeping = 32, .worth_loading = 16, .max_loads = 2}};
  FailThrough(options, 11);
}

}  // namespace
}  // namespace puna::engine
