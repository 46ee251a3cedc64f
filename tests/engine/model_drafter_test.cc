// The draft model's books, on fake models: a guess is right only if every key and value behind it is.
#include "engine/model_drafter.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "tests/support/core_client.h"

namespace puna::engine {
namespace {

constexpr TokenId kMask = 96;  // never drawn below, as the last of 97 ids

GuessCount Drafted(const EngineStats& stats) {
  const GuessTally& tally = stats.guesses[static_cast<size_t>(GuessSource::kDraft)];
  return {static_cast<int>(tally.proposed), static_cast<int>(tally.accepted)};
}

EngineOptions OptionsWith(FakeModelOptions draft, TokenId pard_token = kNoToken, int window = 0) {
  EngineOptions options = SmallOptions();
  draft.max_batched_tokens = 256;
  options.draft.model = std::make_shared<FakeModel>(draft);
  options.draft.pard_token = pard_token;
  options.draft.window = window;
  options.draft.max_batched_tokens = 256;
  options.report_fault = [](const std::string& report) { FAIL_CHECK(report); };
  return options;
}

// Greedy requests that share beginnings, come again, go on where others ended, and are preempted.
void Walk(EngineCore& core, uint32_t seed, int num_requests, const std::function<void(Request&)>& change = {}) {
  std::mt19937 random(seed);
  std::vector<Client> clients;
  clients.reserve(static_cast<size_t>(num_requests));
  ReferenceRun reference({});
  while (std::ssize(clients) < num_requests || !core.idle()) {
    while (std::ssize(clients) < num_requests && (core.idle() || random() % 3 == 0)) {
      Client& client = clients.emplace_back();
      Ids& prompt = client.asked.prompt;
      if (clients.size() > 1 && random() % 2 == 0) {
        const Client& earlier = clients[random() % (clients.size() - 1)];
        prompt = earlier.asked.prompt;
        prompt.insert(prompt.end(), earlier.answer.tokens.begin(), earlier.answer.tokens.end());
        prompt.resize(std::min<size_t>(prompt.size(), 1 + random() % 150));
      }
      for (uint32_t i = 0; i < 1 + random() % 30; ++i) prompt.push_back(static_cast<TokenId>(random() % 90));
      client.asked.sampling.temperature = 0;
      client.asked.stop.max_new_tokens = 1 + static_cast<int>(random() % 90);
      client.asked.stop.end_ids = {3};
      if (change) change(client.asked);
      Submit(core, client);
    }
    core.Step();
    REQUIRE(core.scheduler().FindFault() == "");
    for (Client& client : clients) {
      if (!client.finish) Collect(*client.reader, milliseconds(0), client.answer, client.finish);
    }
  }
  for (const Client& client : clients) CheckEqual(client, reference.Run(client.asked, core.limits().max_model_len));
}

TEST_CASE(
    "a draft that is the model itself is right each time, whatever was accepted, shared, copied or preempted before") {
  uint64_t preemptions = 0;
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    EngineOptions options = OptionsWith({});
    options.num_blocks = 20;
    options.prefix_caching = seed % 3 != 0;
    EngineCore core(std::make_unique<FakeModel>(), options);
    Walk(core, seed, 60);
    const EngineStats stats = core.stats();
    CHECK(Drafted(stats).proposed > 1000);
    CHECK(Drafted(stats).accepted == Drafted(stats).proposed);
    preemptions += stats.preemptions;
    CHECK(stats.steps * 2 < stats.generated_tokens);
  }
  CHECK(preemptions > 5);
}

TEST_CASE("through a window the draft reads the last ids at positions of its own, and begins again when it is full") {
  // Each id depends on the one before it alone, so that what a window leaves out does not matter; that every entry is
  // there, at its position, does.
  const FakeModelOptions last_id{.vocab_size = 97, .window = 1};
  EngineOptions options = OptionsWith(last_id, kNoToken, 20);
  options.num_blocks = 64;
  EngineCore core(std::make_unique<FakeModel>(last_id), options);
  Client client;
  for (int i = 0; i < 300; ++i) client.asked.prompt.push_back(i * 7 % 90);
  client.asked.sampling.temperature = 0;
  client.asked.stop.max_new_tokens = 400;
  Submit(core, client);
  while (!core.idle()) core.Step();
  Collect(*client.reader, milliseconds(0), client.answer, client.finish);
  CheckEqual(client, ReferenceRun(last_id).Run(client.asked, core.limits().max_model_len));
  const GuessCount drafted = client.finish->usage.guesses[static_cast<size_t>(GuessSource::kDraft)];
  CHECK(drafted.proposed > 100);
  CHECK(drafted.accepted == drafted.proposed);
  const auto& draft = dynamic_cast<const FakeModel&>(*options.draft.model);
  CHECK(draft.num_tokens < 1200);  // not the prompt's 300 again and again
}

TEST_CASE("drafts change nothing: plain and PARD, right and wrong, beside look-ups, under penalties and chance") {
  for (const TokenId pard : {kNoToken, kMask}) {
    for (const int window : {0, 12}) {
      CAPTURE(pard);
      CAPTURE(window);
      EngineOptions options = OptionsWith({.vocab_size = 103, .window = 3}, pard, window);
      options.remembered_tokens = 3000;
      EngineCore core(std::make_unique<FakeModel>(), options);
      std::mt19937 random(5);
      Walk(core, 31 + static_cast<uint32_t>(window), 80, [&random](Request& request) {
        request.sampling.temperature = random() % 2 ? 0.0F : 0.9F;
        request.sampling.seed = random() % 3;
        if (random() % 3 == 0) request.sampling.repetition_penalty = 1.2F;
        if (random() % 3 == 0) request.sampling.logit_bias = {{5, 3.0F}};
        if (random() % 3 == 0) request.num_logprobs = 2;
        request.stop.min_new_tokens = random() % 2 ? 4 : 0;
      });
      CHECK(Drafted(core.stats()).proposed > 500);
    }
  }
}

// What a draft model says behind these ids, computed at once and from nothing.
Ids FromScratch(const Ids& known, TokenId pard_token, int max_ids, const FakeModelOptions& model) {
  std::vector<FakeModel::Slot> context;
  std::vector<float> logits(static_cast<size_t>(model.vocab_size));
  const auto read = [&](TokenId id) {
    context.push_back({id, static_cast<int>(context.size())});
    FakeModel::LogitsAfter(context, model, logits.data());
  };
  for (const TokenId id : known) read(id);
  Ids guesses;
  while (std::ssize(guesses) < max_ids) {
    guesses.push_back(static_cast<TokenId>(std::max_element(logits.begin(), logits.begin() + 97) - logits.begin()));
    read(pard_token == kNoToken ? guesses.back() : pard_token);
  }
  return guesses;
}

TEST_CASE("after any history the guesses are those that are made from scratch") {
  const FakeModelOptions shape{.vocab_size = 97};
  for (const TokenId pard : {kNoToken, kMask}) {
    CAPTURE(pard);
    DraftOptions options = OptionsWith(shape, pard).draft;
    ModelDrafter drafter(options, 40, 97, {});
    BlockPool pool(40, true);
    std::mt19937 random(9);
    for (int round = 0; round < 20; ++round) {
      Request request;
      for (uint32_t i = 0; i < 1 + random() % 50; ++i) request.prompt.push_back(static_cast<TokenId>(i * i % 90));
      request.stop.max_new_tokens = 200;
      Sequence s(std::move(request), 0, pool);
      const PrefixMatch match = s.table.FindPrefix(s.tokens, s.max_reuse());
      if (const auto copy = s.table.Adopt(match)) drafter.CopyBlock(*copy);
      if (match.partial != kNoBlock) pool.Release(std::span(&match.partial, 1), false);
      for (int cycle = 0; cycle < 25; ++cycle) {
        const int wanted = 1 + static_cast<int>(random() % 8);
        Ids behind;
        if (random() % 4 == 0) behind = {static_cast<TokenId>(random() % 90), 7};
        REQUIRE(s.table.Grow(s.num_tokens() + wanted + 2));
        DraftAsk ask{&s, behind, wanted, {}};
        drafter.Propose(std::span(&ask, 1));
        Ids known = s.tokens;
        known.insert(known.end(), behind.begin(), behind.end());
        REQUIRE(ask.guesses == FromScratch(known, pard, wanted, shape));
        Ids all = behind;
        all.insert(all.end(), ask.guesses.begin(), ask.guesses.end());
        const size_t accepted = random() % (all.size() + 1);
        s.tokens.insert(s.tokens.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(accepted));
        s.tokens.push_back(static_cast<TokenId>(random() % 90));
      }
      CHECK(s.table.num_drafted() >= s.num_tokens() - 16);
      s.draft_memo.reset();
      s.table.Free(s.tokens, s.num_tokens() - 1);
    }
  }
}

TEST_CASE("what a prefix cache gives without entries of the draft is computed for it, and what it has is not") {
  const FakeModelOptions shape{.vocab_size = 97};
  DraftOptions options = OptionsWith(shape).draft;
  const auto& fake = dynamic_cast<const FakeModel&>(*options.model);
  ModelDrafter drafter(options, 40, 97, {});
  BlockPool pool(40, true);
  const auto ask = [&](int prompt, bool drafted) {
    Request request;
    for (int i = 0; i < prompt; ++i) request.prompt.push_back(i % 90);
    Sequence s(std::move(request), 0, pool);
    s.table.Adopt(s.table.FindPrefix(s.tokens, 48));
    REQUIRE(s.table.Grow(prompt + 4));
    const uint64_t before = fake.num_tokens;
    if (drafted) {
      DraftAsk asked{&s, {}, 1, {}};
      drafter.Propose(std::span(&asked, 1));
      CHECK(asked.guesses == FromScratch(s.tokens, kNoToken, 1, shape));
    }
    s.draft_memo.reset();
    s.table.Free(s.tokens, prompt - 1);
    return fake.num_tokens - before;
  };
  ask(50, false);              // the model alone computes it
  CHECK(ask(52, true) == 52);  // found, and without entries
  CHECK(ask(54, true) == 6);   // three blocks are found with them
}

TEST_CASE("a draft model that fails guesses nothing more, is reported once, and harms nobody") {
  EngineOptions options = OptionsWith({});
  std::vector<std::string> reports;
  options.report_fault = [&reports](const std::string& report) { reports.push_back(report); };
  auto& draft = dynamic_cast<FakeModel&>(*options.draft.model);
  EngineCore core(std::make_unique<FakeModel>(), options);
  draft.fail_next_step = true;
  Walk(core, 4, 10);
  REQUIRE(reports.size() == 1);
  CHECK(reports[0] == "the draft model fails, and guesses nothing more: the fake model was told to fail");
  CHECK(Drafted(core.stats()).proposed == 0);
}

// Only the answer's own ids may come, each the last one plus one.
class Counting : public TokenConstraint {
 public:
  bool active() const override { return true; }
  void MaskNext(std::span<uint64_t> allowed) override { Only(next_, allowed); }
  void MaskBehind(std::span<const TokenId> ids, std::span<uint64_t> allowed) override {
    Only(next_ + static_cast<TokenId>(ids.size()), allowed);
  }
  void Accept(TokenId id) override {
    CHECK(id == next_ % 90);
    ++next_;
  }
  Ids Forced() override { return {}; }
  int CountAccepted(std::span<const TokenId> ids) override {
    int count = 0;
    while (count < std::ssize(ids) && ids[count] == (next_ + count) % 90) ++count;
    return count;
  }

 private:
  static void Only(TokenId id, std::span<uint64_t> allowed) {
    std::fill(allowed.begin(), allowed.end(), 0);
    allowed[static_cast<size_t>(id % 90) / 64] = uint64_t{1} << (id % 90 % 64);
  }
  TokenId next_ = 0;
};

TEST_CASE("a grammar masks drafts while they are made, so that a draft which knows nothing of it is right") {
  for (const TokenId pard : {kNoToken, kMask}) {
    CAPTURE(pard);
    EngineCore core(std::make_unique<FakeModel>(), OptionsWith({.vocab_size = 97, .window = 5}, pard));
    auto stream = std::make_shared<TokenStream>();
    TokenReader reader(stream);
    Request request;
    request.prompt = {8, 9};
    request.stop.max_new_tokens = 60;
    request.guessing.sources = 1 << static_cast<int>(GuessSource::kDraft);
    request.constraint = std::make_unique<Counting>();
    request.stream = stream;
    core.Add(std::move(request));
    while (!core.idle()) core.Step();
    Answer answer;
    std::optional<Finish> finish;
    CHECK(Collect(reader, milliseconds(0), answer, finish));
    CHECK(answer.tokens.size() == 60);
    CHECK(Drafted(core.stats()).accepted == Drafted(core.stats()).proposed);
    CHECK(core.stats().steps < 20);
  }
}

}  // namespace
}  // namespace puna::engine
