// A random walk of engines that share a disk which fails, fills up and loses power: each answer is the one of a request that
// is alone, whatever came from where.
#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <random>
#include <vector>

#include "tests/support/core_client.h"
#include "tests/support/fake_disk.h"
#include "tests/support/wait.h"

namespace puna::engine {
namespace {

constexpr int64_t kBlockBytes = kBlockSize * sizeof(FakeModel::Slot);

EngineOptions DiskOptions(const std::shared_ptr<FakeDisk>& disk, int64_t limit = 1 << 20) {
  EngineOptions options = SmallOptions();
  options.num_blocks = 40;
  options.kv_disk = {disk, limit, {.long_prompt = 64, .worth_keeping = 32, .worth_loading = 16, .max_loads = 2}};
  return options;
}

void WaitUntilOpen(EngineCore& core) {
  REQUIRE(Comes([&core] { return core.stats().disk.ready; }));
}

Client Ask(EngineCore& core, Ids prompt, int max_new_tokens = 20) {
  Client client;
  client.asked.prompt = std::move(prompt);
  client.asked.stop.max_new_tokens = max_new_tokens;
  client.asked.num_logprobs = 2;
  Submit(core, client);
  while (!core.idle()) core.Step();
  Collect(*client.reader, milliseconds(0), client.answer, client.finish);
  CheckEqual(client, ReferenceRun({}).Run(client.asked, core.limits().max_model_len));
  return client;
}

Ids Text(int number, int length) {
  Ids ids;
  for (int i = 0; i < length; ++i) ids.push_back((number * 31 + i * (number + 2)) % 97);
  return ids;
}

void Flush(EngineCore& core) { core.FlushToDisk(std::chrono::steady_clock::now() + kHang); }

TEST_CASE("a prompt is found again after a restart, and in another engine while both run") {
  const auto disk = std::make_shared<FakeDisk>();
  {
    EngineCore core(std::make_unique<FakeModel>(), DiskOptions(disk));
    WaitUntilOpen(core);
    CHECK(Ask(core, Text(1, 200)).finish->usage.cached_tokens == 0);
    Flush(core);
    EngineCore other(std::make_unique<FakeModel>(), DiskOptions(disk));
    WaitUntilOpen(other);
    const Client client = Ask(other, Text(1, 200));
    CHECK(client.finish->usage.cached_tokens == 192);
    CHECK(client.finish->usage.disk_tokens == 192);
    CHECK(other.stats().disk_hit_tokens == 192);
    CHECK(other.stats().disk.read_bytes == 12 * kBlockBytes);
  }
  EngineCore core(std::make_unique<FakeModel>(), DiskOptions(disk));
  CHECK(Ask(core, Text(1, 200)).finish->usage.disk_tokens == 192);  // waits until it is known what is there
  EngineCore stranger(std::make_unique<FakeModel>(FakeModelOptions{.weights = "other"}), DiskOptions(disk));
  CHECK(Ask(stranger, Text(1, 200)).finish->usage.cached_tokens == 0);
}

TEST_CASE("without prefix caching there is no disk") {
  const auto disk = std::make_shared<FakeDisk>();
  EngineOptions options = DiskOptions(disk);
  options.prefix_caching = false;
  EngineCore core(std::make_unique<FakeModel>(), options);
  Ask(core, Text(1, 200));
  Flush(core);
  CHECK_FALSE(core.stats().disk.on);
  CHECK(disk->num_calls == 0);
}

TEST_CASE("an engine that is asked nothing but has blocks to write does not sleep on them") {
  const auto disk = std::make_shared<FakeDisk>();
  EngineCore core(std::make_unique<FakeModel>(), DiskOptions(disk));
  WaitUntilOpen(core);
  Ask(core, Text(1, 300));
  while (!core.has_nothing_to_do()) core.Step();
  Flush(core);
  CHECK(core.stats().disk.written_blocks >= 18);
}

struct Walk {
  std::mt19937 random;
  std::shared_ptr<FakeDisk> disk = std::make_shared<FakeDisk>();
  ReferenceRun reference{{}};
  uint64_t disk_tokens = 0, asked = 0;

  // One life of an engine: some clients, of whom some leave; it ends at any moment.
  void Live() {
    EngineCore core(std::make_unique<FakeModel>(), DiskOptions(disk, 40 * 16384));
    std::vector<Client> clients(8);
    for (Client& client : clients) {
      client.asked.prompt = Text(static_cast<int>(random() % 5), 1 + static_cast<int>(random() % 300));
      client.asked.stop.max_new_tokens = 1 + static_cast<int>(random() % 30);
      client.asked.num_logprobs = 1;
      client.asked.sampling.seed = random() % 3;
    }
    if (random() % 4 > 0) WaitUntilOpen(core);
    size_t next = 0;
    const uint32_t patience = 20 + random() % 400;
    for (uint32_t step = 0; step < patience && (next < clients.size() || !core.idle()); ++step) {
      if (next < clients.size() && random() % 3 == 0) Submit(core, clients[next++]);
      if (next > 0 && random() % 30 == 0) clients[random() % next].reader.reset();
      // Who computes nothing waits for the disk, however busy the machine is.
      if (core.Step() == 0 && !core.idle()) std::this_thread::sleep_for(milliseconds(1));
      const std::string fault = core.scheduler().FindFault();
      REQUIRE(fault == "");
    }
    if (random() % 2) core.EndAll(FinishReason::kShutdown);
    if (random() % 2) core.FlushToDisk(std::chrono::steady_clock::now() + milliseconds(random() % 50));
    disk_tokens += core.stats().disk_hit_tokens;
    for (size_t i = 0; i < next; ++i) Check(clients[i], core.limits().max_model_len);
  }

  void Check(Client& client, int max_model_len) {
    ++asked;
    if (client.reader) Collect(*client.reader, milliseconds(0), client.answer, client.finish);
    const Answer expected = reference.Run(client.asked, max_model_len);
    REQUIRE(client.answer.tokens.size() <= expected.tokens.size());
    CHECK(std::equal(client.answer.tokens.begin(), client.answer.tokens.end(), expected.tokens.begin()));
    CHECK(std::equal(client.answer.logprobs.begin(), client.answer.logprobs.end(), expected.logprobs.begin()));
    if (client.finish && client.finish->reason == FinishReason::kLength) {
      CHECK(client.answer.tokens.size() == expected.tokens.size());
    }
  }
};

TEST_CASE("lives that end anywhere, on a disk that fails now and then and loses power between") {
  Walk walk{std::mt19937(11)};
  std::atomic<uint32_t> state{1};
  for (int life = 0; life < 60; ++life) {
    CAPTURE(life);
    const uint32_t one_in = life % 3 == 0 ? 0 : 20;
    walk.disk->fault = [&state, one_in](FakeDisk::Call) {
      const uint32_t x = state.fetch_add(0x9E3779B9) * 2654435761u;
      return one_in > 0 && (x >> 8) % one_in == 0 ? (x & 64 ? -EIO : -ENOSPC) : 0;
    };
    walk.Live();
    if (life % 2) walk.disk->LosePower(walk.random);
  }
  CHECK(walk.disk_tokens > 1000);
  CHECK(walk.asked > 200);
}

}  // namespace
}  // namespace puna::engine
