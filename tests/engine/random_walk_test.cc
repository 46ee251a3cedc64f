// A random walk of the engine on a fake model: whatever the company, the cache, the chunks, preemption and guesses do,
// a request gets what it gets alone.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <vector>

#include "tests/support/core_client.h"

namespace puna::engine {
namespace {

class Walk {
 public:
  Walk(uint32_t seed, const EngineOptions& options, FakeModelOptions model)
      : random_(seed), reference_(model), vocab_(model.vocab_size), core_(MakeFake(model, options), options) {}

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
  void SetTenants(uint32_t count) { num_tenants_ = count; }

 private:
  static std::unique_ptr<Model> MakeFake(FakeModelOptions model, const EngineOptions& options) {
    model.max_batched_tokens = options.max_num_batched_tokens;
    return std::make_unique<FakeModel>(model);
  }

  TokenId AnyId() { return static_cast<TokenId>(random_() % vocab_); }

  Client MakeClient() {
    Client client;
    Request& r = client.asked;
    const int max_len = core_.limits().max_model_len;
    // Prompts begin with one of a few texts, cut anywhere, go on where an earlier request ended, or come again; some
    // are one token. The last two lack one token from the beginning, as a sequence that decodes does.
    if (!clients_.empty() && random_() % 8 == 0) {
      r.prompt = clients_[random_() % clients_.size()].asked.prompt;
    } else if (random_() % 12 == 0) {
      r.prompt = {AnyId()};
    } else if (!clients_.empty() && random_() % 3 == 0) {
      const Client& earlier = clients_[random_() % clients_.size()];
      r.prompt = earlier.asked.prompt;
      r.prompt.insert(r.prompt.end(), earlier.answer.tokens.begin(), earlier.answer.tokens.end());
    } else {
      Ids& text = texts_[random_() % 3];
      while (text.size() < 120) text.push_back(AnyId());
      r.prompt.assign(text.begin(), text.begin() + static_cast<int>(random_() % text.size()));
    }
    if (random_() % 8 != 0 || r.prompt.empty()) {
      for (uint32_t i = 0; i <= random_() % 20; ++i) r.prompt.push_back(AnyId());
    }
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
    if (num_tenants_ > 1) {
      r.tenant = random_() % num_tenants_;
      r.tenant_weight = 1 + static_cast<int>(random_() % 3);
      r.priority = static_cast<int>(random_() % 3) - 1;
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
  uint32_t num_tenants_ = 1;
  EngineCore core_;
  std::vector<Client> clients_;
  std::map<uint32_t, Ids> texts_;
};

TEST_CASE("random walk: arrive, finish, leave, preempt, share, guess; the answer is the same as alone") {
  EngineStats total;
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    EngineOptions options = SmallOptions();
    options.max_num_batched_tokens = seed % 3 == 0 ? 7 : 40;
    options.prefix_caching = seed % 4 != 0;
    options.remembered_tokens = seed % 2 == 0 ? 0 : 2000;
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

TEST_CASE("random walk of several tenants with weights and priorities: who makes way for whom changes no answer") {
  uint64_t preemptions = 0;
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    EngineOptions options = SmallOptions();
    options.max_num_batched_tokens = seed % 3 == 0 ? 7 : 40;
    options.prefix_caching = seed % 4 != 0;
    Walk walk(seed, options, {.vocab_size = 97, .window = 0});
    walk.SetTenants(2 + seed % 4);
    walk.Run(200);
    preemptions += walk.stats().preemptions;
  }
  CHECK(preemptions > 100);
}

TEST_CASE("random walk over text that repeats itself: prompt lookup pays and changes nothing") {
  Walk walk(99, SmallOptions(), {.vocab_size = 30, .window = 2});
  walk.Run(300);
  CHECK(walk.stats().accepted_draft_tokens > 500);
}

}  // namespace
}  // namespace puna::engine
