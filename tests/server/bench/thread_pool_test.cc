#include "server/bench/thread_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace puna::server {
namespace {

TEST_CASE("as many tasks run at once as there may be threads, and one more is refused") {
  ThreadPool pool(3);
  std::promise<void> gate;
  const std::shared_future<void> open = gate.get_future().share();
  std::atomic<int> running{0}, done{0};
  const auto task = [&] {
    ++running;
    open.wait();
    ++done;
  };
  for (int i = 0; i < 3; ++i) CHECK(pool.Enqueue(task));
  CHECK_FALSE(pool.Enqueue(task));
  while (running < 3) std::this_thread::yield();  // would wait for ever were they not side by side
  gate.set_value();
  pool.Shutdown();
  CHECK(done == 3);
  CHECK_FALSE(pool.Enqueue(task));
}

TEST_CASE("many short tasks all run, from several senders") {
  std::atomic<int> done{0}, taken{0};
  {
    ThreadPool pool(4);
    std::vector<std::thread> senders;
    for (int s = 0; s < 3; ++s) {
      senders.emplace_back([&] {
        for (int i = 0; i < 2000; ++i) taken += pool.Enqueue([&] { ++done; }) ? 1 : 0;
      });
    }
    for (std::thread& sender : senders) sender.join();
  }
  CHECK(taken > 0);
  CHECK(done == taken);
}

}  // namespace
}  // namespace puna::server
