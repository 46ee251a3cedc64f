#include "server/http/worker_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace puna::server {
namespace {

using Lane = WorkerPool::Lane;

class CallTask final : public WorkerPool::Task {
 public:
  explicit CallTask(std::function<void()> call) : call_(std::move(call)) {}
  void Run() override { call_(); }

 private:
  const std::function<void()> call_;
};

void Post(WorkerPool& pool, Lane lane, std::function<void()> call) {
  pool.Post(lane, std::make_shared<CallTask>(std::move(call)));
}

TEST_CASE("long tasks leave a thread to the quick ones") {
  WorkerPool pool(3);
  REQUIRE(pool.num_threads() == 3);
  std::promise<void> gate;
  const std::shared_future<void> open = gate.get_future().share();
  std::atomic<int> running{0}, done{0};
  for (int i = 0; i < 5; ++i) {
    Post(pool, Lane::kLong, [&] {
      ++running;
      open.wait();
      ++done;
    });
  }
  std::promise<void> quick;
  Post(pool, Lane::kQuick, [&] { quick.set_value(); });
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
  for (int i = 0; i < 10; ++i) Post(pool, i % 2 == 0 ? Lane::kLong : Lane::kQuick, [&] { ++done; });
  pool.Stop();
  CHECK(done == 10);
}

TEST_CASE("a stop runs what was posted, and what that posts; later posts are dropped") {
  std::atomic<int> done{0};
  WorkerPool pool(2);
  for (int i = 0; i < 100; ++i) {
    Post(pool, Lane::kLong, [&] {
      ++done;
      Post(pool, Lane::kQuick, [&] { ++done; });
    });
  }
  pool.Stop();
  CHECK(done == 200);
  Post(pool, Lane::kQuick, [&] { ++done; });
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
        for (int i = 0; i < 2000; ++i) Post(pool, s == 0 ? Lane::kQuick : Lane::kLong, [&] { ++done; });
      });
    }
    for (std::thread& sender : senders) sender.join();
  }
  CHECK(done == 6000);
}

TEST_CASE("what is left in a queue goes with it, however long it is; who has run may be posted again") {
  struct Link {
    std::shared_ptr<Link> next;
  };
  LinkedQueue<Link> queue;
  const auto first = std::make_shared<Link>();
  queue.Push(first);
  for (int i = 0; i < 1'000'000; ++i) queue.Push(std::make_shared<Link>());
  CHECK(queue.Pop() == first);
  queue.Push(first);
  { LinkedQueue<Link> moved(std::move(queue)); }
  CHECK(first.use_count() == 1);
}

}  // namespace
}  // namespace puna::server
