#include "server/generate/background.h"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <new>

#include "server/host/log.h"
#include "tests/support/wait.h"

namespace puna::server {
namespace {

// Complete when it has been called so often; fails before that when it is to.
class Steps final : public ReplyTask {
 public:
  explicit Steps(int count, bool fails = false) : left_(count), fails_(fails) {}
  void Start(std::function<void()>) override {}
  std::optional<Clock::time_point> Advance(HttpReply&, ByteSink&) override {
    if (fails_) throw std::bad_alloc();
    if (--left_ == 0) return std::nullopt;
    return Clock::now();
  }

 private:
  int left_;
  const bool fails_;
};

TEST_CASE("tasks go on without anybody, and what fails of one, its end included, is no matter to the others") {
  SetUpLog("off", "text");
  Background background;
  std::atomic<int> ended{0};
  const auto count = [&](const AccessLine&) { ++ended; };
  background.Run(std::make_unique<Steps>(1), {}, [&](const AccessLine&) {
    ++ended;
    throw std::bad_alloc();
  });
  background.Run(std::make_unique<Steps>(5), {}, count);
  background.Run(std::make_unique<Steps>(1, /*fails=*/true), {}, count);
  CHECK(Comes([&] { return ended == 3; }));
  background.Run(std::make_unique<Steps>(2), {}, count);
  CHECK(Comes([&] { return ended == 4; }));
}

}  // namespace
}  // namespace puna::server
