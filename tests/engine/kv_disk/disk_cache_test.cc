// The cache with its threads: what is written comes back, and a disk that hangs holds up nobody.
#include "engine/kv_disk/disk_cache.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <vector>

#include "tests/support/disk_blocks.h"
#include "tests/support/fake_disk.h"
#include "tests/support/wait.h"

namespace puna::engine {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

// A pool's memory and whoever looks after it.
struct Owner {
  std::mutex mutex;
  std::map<BlockId, std::vector<uint8_t>> memory;
  std::vector<std::string> reports;
  std::atomic<int> woken{0};
  std::unique_ptr<DiskCache> cache;

  explicit Owner(std::shared_ptr<DiskFolder> folder, const std::string& content = "model") {
    DiskCacheOptions options;
    options.folder = std::move(folder);
    options.limit_bytes = int64_t{1} << 30;
    options.block_bytes = kTestBlockBytes;
    options.content = [content](const std::atomic<bool>&) { return content; };
    options.prepare = [](std::span<const BlockId>) {};
    options.write_block = [this](BlockId block, std::span<const uint8_t> bytes) {
      const std::lock_guard lock(mutex);
      memory[block].assign(bytes.begin(), bytes.end());
    };
    options.wake = [this] { ++woken; };
    options.report = [this](const std::string& line) {
      const std::lock_guard lock(mutex);
      reports.push_back(line);
    };
    cache = std::make_unique<DiskCache>(std::move(options));
  }

  bool Opened() {
    return Comes([this] { return cache->stats().ready; });
  }

  bool Write(const std::vector<BlockName>& names) {
    for (const BlockName& name : names) {
      if (!Comes([this] { return cache->HasRoom(); })) return false;
      cache->Write(name, [&](std::span<uint8_t> bytes) {
        const std::vector<uint8_t> from = TestBytes(name);
        std::copy(from.begin(), from.end(), bytes.begin());
      });
    }
    return cache->Flush(Clock::now() + kHang);
  }

  std::shared_ptr<KvLoad> Begin(const std::vector<BlockName>& names) {
    std::vector<BlockId> blocks;
    for (size_t i = 0; i < names.size(); ++i) blocks.push_back(static_cast<BlockId>(i));
    return cache->Load(names, blocks);
  }

  // How many came, each as it was written.
  int Read(const std::vector<BlockName>& names) {
    const auto load = Begin(names);
    REQUIRE(Comes([&] { return load->ended(); }));
    load->Cancel();
    const std::lock_guard lock(mutex);
    for (int i = 0; i < load->num_loaded(); ++i) CHECK(memory[i] == TestBytes(names[i]));
    return load->num_loaded();
  }
};

TEST_CASE("what one cache wrote, another finds while both run, and a third after both") {
  const auto disk = std::make_shared<FakeDisk>();
  {
    Owner first(disk), second(disk), stranger(disk, "another model");
    REQUIRE((first.Opened() && second.Opened() && stranger.Opened()));
    CHECK_FALSE(first.cache->opening());
    CHECK(first.Write(TestNames(1, 0, 200)));
    CHECK(first.Read(TestNames(1, 0, 200)) == 200);
    CHECK(Comes([&] { return second.cache->Contains(TestName(1, 199).hash); }));
    CHECK(second.Read(TestNames(1, 0, 201)) == 200);
    CHECK(stranger.cache->stats().blocks == 0);
    const DiskStats stats = second.cache->stats();
    CHECK(stats.on);
    CHECK(stats.read_blocks == 200);
    CHECK(stats.read_bytes == 200 * kTestBlockBytes);
    CHECK(stats.loads == 1);
    CHECK(stats.loads_cut == 1);
    CHECK(first.cache->stats().written_blocks == 200);
    CHECK(first.woken > 0);
  }
  Owner third(disk);
  REQUIRE(third.Opened());
  CHECK(third.Read(TestNames(1, 50, 150)) == 150);
  CHECK(third.reports.empty());
}

TEST_CASE("a load that is cancelled leaves the pool's memory alone from then on") {
  const auto disk = std::make_shared<FakeDisk>();
  Owner owner(disk);
  REQUIRE(owner.Opened());
  CHECK(owner.Write(TestNames(1, 0, 64)));
  Gate gate;
  std::atomic<bool> reading{false};
  disk->fault = [&](FakeDisk::Call call) {
    if (call == FakeDisk::Call::kRead && !reading.exchange(true)) gate.Pass();
    return 0;
  };
  const auto load = owner.Begin(TestNames(1, 0, 64));
  REQUIRE(Comes([&] { return reading.load(); }));
  load->Cancel();
  CHECK(load->ended());
  gate.Open();
  CHECK(owner.Read(TestNames(1, 0, 10)) == 10);
  CHECK(owner.memory.size() == 10);
  CHECK(load->num_loaded() == 0);
}

TEST_CASE("a disk that hangs: loads end, nothing is found, what is written is given up, and the cache ends") {
  const auto disk = std::make_shared<FakeDisk>();
  const auto gate = std::make_shared<Gate>();
  const auto stuck = std::make_shared<std::atomic<int>>(0);
  {
    Owner owner(disk);
    REQUIRE(owner.Opened());
    CHECK(owner.Write(TestNames(1, 0, 64)));
    disk->fault = [gate, stuck](FakeDisk::Call call) {
      if (call == FakeDisk::Call::kRead || call == FakeDisk::Call::kWrite) {
        ++*stuck;
        gate->Pass();
        --*stuck;
      }
      return 0;
    };
    const auto load = owner.Begin(TestNames(1, 0, 64));
    const auto second = owner.Begin(TestNames(1, 0, 64));
    const std::vector<BlockHash> hashes = {TestName(1, 0).hash};
    CHECK(owner.cache->CountFound(hashes) == 1);
    CHECK(Comes([&] { return load->ended() && second->ended(); }));
    CHECK(owner.cache->CountFound(hashes) == 0);
    int written = 0;
    for (; owner.cache->HasRoom(); ++written) owner.cache->Write(TestName(2, written), [](std::span<uint8_t>) {});
    CHECK(written > 0);
    CHECK_FALSE(owner.cache->Flush(Clock::now() + seconds(1000)));
    CHECK(Comes([&] { return *stuck == 2; }));
    const auto begin = Clock::now();
    owner.cache.reset();
    CHECK(Clock::now() - begin < seconds(60));
    CHECK(owner.memory.empty());
  }
  gate->Open();  // they find that nobody is there any more
  CHECK(Comes([&] { return *stuck == 0; }));
  disk->fault = [](FakeDisk::Call) { return 0; };
  Owner later(disk);
  REQUIRE(later.Opened());
  CHECK(later.Read(TestNames(1, 0, 64)) == 64);
}

TEST_CASE("a disk that takes nothing is said once, and buffers come back") {
  const auto disk = std::make_shared<FakeDisk>();
  disk->fault = [](FakeDisk::Call call) { return call == FakeDisk::Call::kCreate ? -EROFS : 0; };
  Owner owner(disk);
  REQUIRE(owner.Opened());
  CHECK(owner.Write(TestNames(1, 0, 300)));
  CHECK(owner.Read(TestNames(1, 0, 3)) == 0);
  CHECK(owner.cache->stats().unwritten_blocks == 300);
  CHECK(owner.cache->stats().written_blocks == 0);
  const std::lock_guard lock(owner.mutex);
  REQUIRE(owner.reports.size() == 1);
  CHECK(owner.reports[0].find("Read-only file system") != std::string::npos);
}

TEST_CASE("the end waits for whoever still reads the model, which it is told to stop") {
  std::atomic<bool> asked{false}, told{false};
  DiskCacheOptions options;
  options.folder = std::make_shared<FakeDisk>();
  options.limit_bytes = 1 << 20;
  options.block_bytes = kTestBlockBytes;
  options.content = [&](const std::atomic<bool>& stop) {
    asked = true;
    told = Comes([&stop] { return stop.load(); });
    return "";
  };
  options.prepare = [](std::span<const BlockId>) {};
  options.wake = [] {};
  options.report = [](const std::string&) {};
  auto cache = std::make_unique<DiskCache>(std::move(options));
  CHECK(Comes([&] { return asked.load(); }));
  CHECK(cache->opening());
  cache.reset();
  CHECK(told);
}

}  // namespace
}  // namespace puna::engine
