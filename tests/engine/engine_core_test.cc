// The engine without its thread, on a fake model: whatever the company, the cache, the chunks, preemption and guesses do, a
// request gets what it gets alone.
#include "engine/engine_core.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <vector>

#include "tests/support/fake_model.h"
#include "tests/support/reference_run.h"

namespace puna::engine {
namespace {

using Ids = std::vector<TokenId>;
using std::chrono::milliseconds;

struct Client {
  Request asked;  // without stream
  std::optional<TokenReader> reader;
  Answer answer;
  std::optional<Finish> finish;
};

Request Copy(const Request& request) {
  Request copy;
  copy.prompt = request.prompt;
  copy.sampling = request.sampling;
  copy.stop = request.stop;
  copy.num_logprobs = request.num_logprobs;
  copy.prompt_logprobs = request.prompt_logprobs;
  copy.prediction = request.prediction;
  copy.pooling = request.pooling;
  return copy;
}

void Submit(EngineCore& core, Client& client) {
  auto stream = std::make_shared<TokenStream>();
  Request request = Copy(client.asked);
  request.stream = stream;
  client.reader.emplace(stream);
  core.Add(std::move(request));
}

void CheckEqual(const Client& client, const Answer& expected) {
  CHECK(client.answer.tokens == expected.tokens);
  CHECK(client.answer.logprobs == expected.logprobs);
  CHECK(client.answer.prompt_tokens == expected.prompt_tokens);
  CHECK(client.answer.prompt_logprobs == expected.prompt_logprobs);
  CHECK(client.answer.embedding.size() == expected.embedding.size());
  for (size_t i = 0; i < client.answer.embedding.size(); ++i)
    CHECK(client.answer.embedding[i] == doctest::Approx(expected.embedding[i]).epsilon(1e-6));
  CHECK(client.answer.reason == expected.reason);
  REQUIRE(client.finish);
  CHECK(client.finish->usage.prompt_tokens == static_cast<int>(client.asked.prompt.size()));
  CHECK(client.finish->usage.completion_tokens == static_cast<int>(expected.tokens.size()));
}

class Walk {
 public:
  Walk(uint32_t seed, const EngineOptions& options, FakeModelOptions model)
      : random_(seed), reference_(model), vocab_(model.vocab_size), core_(std::make_unique<FakeModel>(model), options) {}

  void Run(int num_requests) {
    int arrived = 0, steps = 0;
    while (arrived < num_requests || !core_.idle()) {
      while (arrived < num_requests && (core_.idle() || random_() % 4 == 0)) {
        ++arrived;
        clients_.push_back(MakeClient());
        Submit(core_, clients_.back());
        // The `n` of one request: the same but for the seed, at the same moment.
        for (uint32_t n = random_() % 5; n > 2; --n) {
          Client sibling;
          sibling.asked = Copy(clients_.back().asked);
          ++sibling.asked.sampling.seed;
          ++arrived;
          clients_.push_back(std::move(sibling));
          Submit(core_, clients_.back());
        }
      }
      if (random_() % 40 == 0) Leave();
      core_.Step();
      const std::string fault = core_.scheduler().FindFault();
      REQUIRE(fault == "");
      REQUIRE(++steps < 200000);
    }
    CHECK(core_.scheduler().pool().num_held() == 0);
    for (Client& client : clients_) CheckClient(client);
  }

  EngineStats stats() const { return core_.stats(); }

 private:
  TokenId AnyId() { return static_cast<TokenId>(random_() % vocab_); }

  Client MakeClient() {
    Client client;
    Request& r = client.asked;
    const int max_len = core_.limits().max_model_len;
    // Prompts begin with one of a few texts, cut anywhere, or go on where an earlier request ended.
    if (!clients_.empty() && random_() % 3 == 0) {
      const Client& earlier = clients_[random_() % clients_.size()];
      r.prompt = earlier.asked.prompt;
      r.prompt.insert(r.prompt.end(), earlier.answer.tokens.begin(), earlier.answer.tokens.end());
    } else {
      Ids& text = texts_[random_() % 3];
      while (text.size() < 120) text.push_back(AnyId());
      r.prompt.assign(text.begin(), text.begin() + static_cast<int>(random_() % text.size()));
    }
    for (uint32_t i = 0; i <= random_() % 20; ++i) r.prompt.push_back(AnyId());
    r.prompt.resize(std::min<size_t>(r.prompt.size(), max_len * 3 / 4));
    r.stop.max_new_tokens = static_cast<int>(random_() % 60);
    r.stop.max_new_tokens = std::min(r.stop.max_new_tokens, max_len - static_cast<int>(r.prompt.size()));
    r.stop.end_ids = {3, 4};
    r.stop.min_new_tokens = random_() % 2 ? 5 : 0;
    r.stop.ignore_eos = random_() % 2;
    r.sampling.temperature = random_() % 2 ? 0.0f : 0.8f;
    r.sampling.seed = random_() % 5;
    if (random_() % 3 == 0) r.sampling.top_p = 0.7f;
    if (random_() % 4 == 0) r.sampling.repetition_penalty = 1.3f;
    if (random_() % 4 == 0) r.sampling.frequency_penalty = 0.5f;
    if (random_() % 3 == 0) r.num_logprobs = static_cast<int>(random_() % 4);
    r.prompt_logprobs = random_() % 6 == 0;
    if (random_() % 6 == 0) {
      r.pooling = random_() % 3 == 0 ? Pooling::kLast : Pooling::kMean;
      r.prompt_logprobs = false;
      r.stop.max_new_tokens = 0;
    }
    if (random_() % 2) {  // the right answer with some wrong ids
      r.prediction = reference_.Run(r, max_len).tokens;
      for (TokenId& id : r.prediction) {
        if (random_() % 12 == 0) id = AnyId();
      }
    }
    return client;
  }

  void Leave() {
    Client& client = clients_[random_() % clients_.size()];
    if (!client.reader) return;
    if (!Collect(*client.reader, milliseconds(0), client.answer, client.finish)) client.reader.reset();
  }

  void CheckClient(Client& client) {
    const Answer expected = reference_.Run(client.asked, core_.limits().max_model_len);
    if (!client.reader) {  // left early: what it has seen is the beginning of the same
      REQUIRE(client.answer.tokens.size() <= expected.tokens.size());
      CHECK(std::equal(client.answer.tokens.begin(), client.answer.tokens.end(), expected.tokens.begin()));
      return;
    }
    Collect(*client.reader, milliseconds(0), client.answer, client.finish);
    CheckEqual(client, expected);
  }

  std::mt19937 random_;
  ReferenceRun reference_;
  int vocab_;
  EngineCore core_;
  std::vector<Client> clients_;
  std::map<uint32_t, Ids> texts_;
};

EngineOptions SmallOptions() {
  EngineOptions options;
  options.num_blocks = 24;
  options.max_num_seqs = 5;
  options.max_num_batched_tokens = 40;
  options.itl_target_ms = 0;  // the walk does not depend on the clock
  return options;
}

TEST_CASE("random walk: arrive, finish, leave, preempt, share, guess; the answer is the same as alone") {
  EngineStats total;
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    EngineOptions options = SmallOptions();
    options.max_num_batched_tokens = seed % 3 == 0 ? 7 : 40;
    options.prefix_caching = seed % 4 != 0;
    Walk walk(seed, options, {.vocab_size = 97, .window = 0});
    walk.Run(200);
    const EngineStats stats = walk.stats();
    total.preemptions += stats.preemptions;
    total.prefix_cache_hit_tokens += stats.prefix_cache_hit_tokens;
    total.draft_tokens += stats.draft_tokens;
    total.accepted_draft_tokens += stats.accepted_draft_tokens;
    total.finished_cancelled += stats.finished_cancelled;
    total.finished_stop += stats.finished_stop;
    total.finished_length += stats.finished_length;
  }
  // The walk went everywhere.
  CHECK(total.preemptions > 50);
  CHECK(total.prefix_cache_hit_tokens > 5000);
  CHECK(total.accepted_draft_tokens > 1000);
  CHECK(total.draft_tokens > total.accepted_draft_tokens + 300);
  CHECK(total.finished_cancelled > 10);
  CHECK(total.finished_stop > 50);
  CHECK(total.finished_length > 200);
}

TEST_CASE("random walk over text that repeats itself: prompt lookup pays and changes nothing") {
  Walk walk(99, SmallOptions(), {.vocab_size = 30, .window = 2});
  walk.Run(300);
  CHECK(walk.stats().accepted_draft_tokens > 500);
}

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
    if (turn > 0) CHECK(client.finish->usage.cached_tokens >= known - 1);  // all but its last token, which was never computed
    conversation.insert(conversation.end(), client.answer.tokens.begin(), client.answer.tokens.end());
    for (int i = 0; i < (turn == 0 ? 3 : 20); ++i) {  // 20 x 5 blocks of their own pass through a pool of 60
      Ids one_shot = system;
      for (int j = 0; j < 60; ++j) one_shot.push_back((turn * 31 + i * 17 + j * (i + 2) + 1) % 97);
      CHECK(ask(one_shot).finish->usage.cached_tokens >= (turn + i > 0 ? 50 : 0));
    }
  }
}

TEST_CASE("an embedding reads what is cached only where it pools the last position") {
  EngineCore core(std::make_unique<FakeModel>(), SmallOptions());
  const auto ask = [&core](Pooling pooling) {
    Client client;
    for (int i = 0; i < 70; ++i) client.asked.prompt.push_back(i);
    client.asked.pooling = pooling;
    client.asked.stop.max_new_tokens = pooling == Pooling::kNone ? 3 : 0;
    Submit(core, client);
    while (!core.idle()) core.Step();
    Collect(*client.reader, milliseconds(0), client.answer, client.finish);
    CheckEqual(client, ReferenceRun({}).Run(client.asked, core.limits().max_model_len));
    CHECK(client.answer.embedding.size() == (pooling == Pooling::kNone ? 0 : FakeModel::kHiddenSize));
    return client.finish->usage.cached_tokens;
  };
  CHECK(ask(Pooling::kMean) == 0);
  CHECK(ask(Pooling::kMean) == 0);
  CHECK(ask(Pooling::kLast) == 69);
  CHECK(ask(Pooling::kNone) == 69);  // what embeddings computed serves answers, too
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
    if (speculation) {
      CHECK(client.finish->usage.accepted_prediction_tokens > 100);
    } else {
      CHECK(client.finish->usage.accepted_prediction_tokens == 0);
    }
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
  CHECK(EngineCore(std::make_unique<FakeModel>(FakeModelOptions{.max_position = 50}), options).limits().max_model_len == 50);
}

}  // namespace
}  // namespace puna::engine
