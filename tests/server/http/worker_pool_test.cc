#include "server/http/worker_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace puna::server {
namespace {

using Lane = WorkerPool::Lane;

TEST_CASE("long tasks leave a thread to the quick ones") {
  WorkerPool pool(3);
  REQUIRE(pool.num_threads() == 3);
  std::promise<void> gate;
  const std::shared_future<void> open = gate.get_future().share();
  std::atomic<int> running{0}, done{0};
  for (int i = 0; i < 5; ++i) {
    pool.Post(Lane::kLong, [&] {
      ++running;
      open.wait();
      ++done;
    });
  }
  std::promise<void> quick;
  pool.Post(Lane::kQuick, [&] { quick.set_value(); });
  quick.get_future().wait();  // would wait for ever were all threads taken
  while (running < 2) std::this_thread::yield();
  CHECK(running == 2);
  gate.set_value();
  pool.Stop();
  CHECK(done == 5);
}

TEST_CASE("one thread does both, in turn") {
  WorkerPool pool(1);
  std::atomic<int> done{0};
  for (int i = 0; i < 10; ++i) pool.Post(i % 2 == 0 ? Lane::kLong : Lane::kQuick, [&] { ++done; });
  pool.Stop();
  CHECK(done == 10);
}

TEST_CASE("a stop runs what was posted, and what that posts; later posts are dropped") {
  std::atomic<int> done{0};
  WorkerPool pool(2);
  for (int i = 0; i < 100; ++i) {
    pool.Post(Lane::kLong, [&] {
      ++done;
      pool.Post(Lane::kQuick, [&] { ++done; });
    });
  }
  pool.Stop();
  CHECK(done == 200);
  pool.Post(Lane::kQuick, [&] { ++done; });
  pool.Stop();
  CHECK(done == 200);
}

TEST_CASE("many short tasks all run, from several senders") {
  std::atomic<int> done{0};
  {
    WorkerPool pool(4);
    std::vector<std::thread> senders;
    for (int s = 0; s < 3; ++s) {
      senders.emplace_back([&, s] {
        for (int i = 0; i < 2000; ++i) pool.Post(s == 0 ? Lane::kQuick : Lane::kLong, [&] { ++done; });
      });
    }
    for (std::thread& sender : senders) sender.join();
  }
  CHECK(done == 6000);
}

}  // namespace
}  // namespace puna::server
