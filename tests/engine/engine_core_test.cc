// The engine without its thread, on a fake model.
#include "engine/engine_core.h"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "tests/support/core_client.h"

namespace puna::engine {
namespace {

TEST_CASE("a conversation that comes back keeps its cache while one-shot requests pass by") {
  EngineOptions options = SmallOptions();
  options.num_blocks = 60;
  EngineCore core(std::make_unique<FakeModel>(), options);
  const auto ask = [&core](Ids prompt) {
    Client client;
    client.asked.prompt = std::move(prompt);
    client.asked.stop.max_new_tokens = 20;
    Submit(core, client);
    while (!core.idle()) core.Step();
    Collect(*client.reader, milliseconds(0), client.answer, client.finish);
    return client;
  };
  Ids system, conversation;
  for (int i = 0; i < 50; ++i) system.push_back(i);
  conversation = system;
  for (int turn = 0; turn < 8; ++turn) {
    const int known = static_cast<int>(conversation.size());  // prompt and answer of the turn before
    for (int i = 0; i < 15; ++i) conversation.push_back((turn * 7 + i * i) % 97);
    const Client client = ask(conversation);
    if (turn > 0)
      CHECK(client.finish->usage.cached_tokens >= known - 1);  // all but its last token, which was never computed
    conversation.insert(conversation.end(), client.answer.tokens.begin(), client.answer.tokens.end());
    for (int i = 0; i < (turn == 0 ? 3 : 20); ++i) {  // 20 x 5 blocks of their own pass through a pool of 60
      Ids one_shot = system;
      for (int j = 0; j < 60; ++j) one_shot.push_back((turn * 31 + i * 17 + j * (i + 2) + 1) % 97);
      CHECK(ask(one_shot).finish->usage.cached_tokens >= (turn + i > 0 ? 50 : 0));
    }
  }
}

// The same 70 ids each time, pooled or answered with three more, to the end.
Client AskSeventy(EngineCore& core, Pooling pooling) {
  Client client;
  for (int i = 0; i < 70; ++i) client.asked.prompt.push_back(i);
  client.asked.pooling = pooling;
  client.asked.stop.max_new_tokens = pooling == Pooling::kNone ? 3 : 0;
  Submit(core, client);
  while (!core.idle()) core.Step();
  Collect(*client.reader, milliseconds(0), client.answer, client.finish);
  return client;
}

TEST_CASE("an embedding reads what is cached only where it pools the last position") {
  EngineCore core(std::make_unique<FakeModel>(), SmallOptions());
  const auto ask = [&core](Pooling pooling) {
    const Client client = AskSeventy(core, pooling);
    CheckEqual(client, ReferenceRun({}).Run(client.asked, core.limits().max_model_len));
    CHECK(client.answer.embedding.size() == (pooling == Pooling::kNone ? 0 : FakeModel::kHiddenSize));
    return client.finish->usage.cached_tokens;
  };
  CHECK(ask(Pooling::kMean) == 0);
  CHECK(ask(Pooling::kMean) == 0);
  CHECK(ask(Pooling::kLast) == 69);
  CHECK(ask(Pooling::kNone) == 69);  // what embeddings computed serves answers, too
}

TEST_CASE("hidden states that are no numbers end an embedding with an error, and nothing else") {
  class Broken final : public FakeModel {
   public:
    MatView<const float> HiddenStates() const override {
      const MatView<const float> rows = FakeModel::HiddenStates();
      broken_.assign(static_cast<size_t>(rows.rows * rows.cols), std::numeric_limits<float>::infinity());
      return {broken_.data(), rows.rows, rows.cols};
    }

   private:
    mutable std::vector<float> broken_;
  };
  EngineCore core(std::make_unique<Broken>(), SmallOptions());
  for (const Pooling pooling : {Pooling::kMean, Pooling::kLast, Pooling::kNone}) {
    const Client client = AskSeventy(core, pooling);
    CHECK(client.answer.embedding.empty());
    CHECK(client.finish->reason == (pooling == Pooling::kNone ? FinishReason::kLength : FinishReason::kError));
  }
}

TEST_CASE("guesses make fewer steps, not other answers") {
  uint64_t steps[2];
  Answer answers[2];
  for (const bool speculation : {false, true}) {
    EngineOptions options = SmallOptions();
    options.speculation = speculation;
    EngineCore core(std::make_unique<FakeModel>(FakeModelOptions{.vocab_size = 20, .window = 1}), options);
    Client client;
    client.asked.prompt = {1, 2, 3};
    client.asked.stop.max_new_tokens = 200;
    client.asked.sampling.temperature = 0;
    Submit(core, client);
    while (!core.idle()) core.Step();
    Collect(*client.reader, milliseconds(0), client.answer, client.finish);
    steps[speculation] = core.stats().steps;
    answers[speculation] = client.answer;
    CHECK(client.finish->usage.guesses[static_cast<size_t>(GuessSource::kPrediction)].proposed == 0);  // there was none
  }
  CHECK(answers[0].tokens == answers[1].tokens);
  CHECK(steps[0] == 200);
  CHECK(steps[1] * 4 < steps[0]);
}

TEST_CASE("a step that throws ends its sequences and the loop goes on") {
  auto model = std::make_unique<FakeModel>();
  FakeModel& fake = *model;
  EngineCore core(std::move(model), SmallOptions());
  Client first, second;
  first.asked.prompt = second.asked.prompt = {5, 6, 7};
  first.asked.stop.max_new_tokens = second.asked.stop.max_new_tokens = 4;
  Submit(core, first);
  core.Step();
  fake.fail_next_step = true;
  CHECK(core.Step() == 1);
  CHECK(core.idle());
  CHECK(core.scheduler().FindFault() == "");
  CHECK(Collect(*first.reader, milliseconds(0), first.answer, first.finish));
  CHECK(first.finish->reason == FinishReason::kError);
  CHECK(first.finish->error == "the fake model was told to fail");
  Submit(core, second);
  while (!core.idle()) core.Step();
  Collect(*second.reader, milliseconds(0), second.answer, second.finish);
  CheckEqual(second, ReferenceRun({}).Run(second.asked, core.limits().max_model_len));
  CHECK(core.stats().finished_error == 1);
}

TEST_CASE("a check that fails in a step is reported with the step, ends its sequences, and the others go on") {
  EngineOptions options = SmallOptions();
  std::vector<std::string> reports;
  options.report_fault = [&reports](const std::string& report) { reports.push_back(report); };
  auto model = std::make_unique<FakeModel>();
  FakeModel& fake = *model;
  EngineCore core(std::move(model), options);
  Client broken, waiting;
  for (int i = 0; i < 100; ++i) broken.asked.prompt.push_back(i % 97);
  waiting.asked.prompt = broken.asked.prompt;  // waits for what the first one computes
  waiting.asked.stop.max_new_tokens = broken.asked.stop.max_new_tokens = 4;
  Submit(core, broken);
  core.Step();
  Submit(core, waiting);
  fake.fail_next_check = true;
  CHECK(core.Step() == 1);
  CHECK(core.scheduler().FindFault() == "");
  Collect(*broken.reader, milliseconds(0), broken.answer, broken.finish);
  REQUIRE(broken.finish);
  CHECK(broken.finish->reason == FinishReason::kError);
  CHECK(broken.finish->error == "an internal check failed; the server's log says which");
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].find("fake_model.h") != std::string::npos);
  CHECK(reports[0].find("[40, 80) of 100 + 0, 0 guesses, 0 logits") != std::string::npos);
  while (!core.idle()) core.Step();
  Collect(*waiting.reader, milliseconds(0), waiting.answer, waiting.finish);
  CheckEqual(waiting, ReferenceRun({}).Run(waiting.asked, core.limits().max_model_len));
}

// Allows ids that are (position in the answer) modulo 3; every fourth id and the one after it are fixed.
class Rhythm : public TokenConstraint {
 public:
  explicit Rhythm(bool offers_forced) : offers_forced_(offers_forced) {}
  bool active() const override { return true; }
  void MaskNext(std::span<uint64_t> allowed) override {
    for (int id = 0; id < static_cast<int>(allowed.size()) * 64; ++id) {
      if (!Allows(count_, id)) allowed[id / 64] &= ~(uint64_t{1} << (id % 64));
    }
  }
  void Accept(TokenId id) override {
    CHECK(Allows(count_, id));
    ++count_;
  }
  Ids Forced() override {
    Ids ids;
    if (!offers_forced_) return ids;
    for (int i = count_; i % 4 >= 2; ++i) ids.push_back(i % 3);
    return ids;
  }
  int CountAccepted(std::span<const TokenId> ids) override {
    int count = 0;
    while (count < static_cast<int>(ids.size()) && Allows(count_ + count, ids[count])) ++count;
    return count;
  }

 private:
  static bool Allows(int count, TokenId id) { return count % 4 >= 2 ? id == count % 3 : id % 3 == count % 3; }
  bool offers_forced_;
  int count_ = 0;
};

TEST_CASE("a constraint holds at each token; forced ids and guesses save steps and change nothing") {
  std::vector<Ids> answers;
  std::vector<uint64_t> steps;
  for (const bool forced : {false, true}) {
    for (const bool speculation : {false, true}) {
      EngineOptions options = SmallOptions();
      options.speculation = speculation;
      EngineCore core(std::make_unique<FakeModel>(), options);
      auto stream = std::make_shared<TokenStream>();
      TokenReader reader(stream);
      Request request;
      request.prompt = {8, 9};
      request.stop.max_new_tokens = 50;
      request.sampling.seed = 3;
      request.constraint = std::make_unique<Rhythm>(forced);
      if (!answers.empty()) request.prediction = answers[0];
      request.stream = stream;
      core.Add(std::move(request));
      while (!core.idle()) core.Step();
      Answer answer;
      std::optional<Finish> finish;
      CHECK(Collect(reader, milliseconds(0), answer, finish));
      CHECK(finish->reason == FinishReason::kLength);
      answers.push_back(answer.tokens);
      steps.push_back(core.stats().steps);
    }
  }
  CHECK(answers[0].size() == 50);
  for (size_t i = 0; i < answers[0].size(); ++i) CHECK(answers[0][i] % 3 == static_cast<int>(i) % 3);
  CHECK(answers[1] == answers[0]);
  CHECK(answers[2] == answers[0]);
  CHECK(answers[3] == answers[0]);
  CHECK(steps[2] < steps[0] * 2 / 3);
  CHECK(steps[3] < steps[2]);
}

TEST_CASE("nothing may follow: that sequence ends with an error") {
  EngineCore core(std::make_unique<FakeModel>(), SmallOptions());
  Client client;
  client.asked.prompt = {1};
  client.asked.stop.min_new_tokens = 5;
  for (TokenId id = 0; id < 97; ++id) client.asked.stop.end_ids.push_back(id);
  Submit(core, client);
  CHECK(core.Step() == 1);
  CHECK(Collect(*client.reader, milliseconds(0), client.answer, client.finish));
  CHECK(client.finish->reason == FinishReason::kError);
}

TEST_CASE("limits are the smallest of option, model and cache") {
  EngineOptions options = SmallOptions();
  CHECK(EngineCore(std::make_unique<FakeModel>(), options).limits().max_model_len == 24 * kBlockSize);
  options.max_model_len = 100;
  CHECK(EngineCore(std::make_unique<FakeModel>(), options).limits().max_model_len == 100);
  CHECK(EngineCore(std::make_unique<FakeModel>(FakeModelOptions{.max_position = 50}), options).limits().max_model_len ==
        50);
}

}  // namespace
}  // namespace puna::engine
