#include "engine/base/thread_team.h"

#include <doctest/doctest.h>

#include "tests/support/wait.h"

namespace puna::engine {
namespace {

TEST_CASE("every task runs once, whatever the number of threads and of tasks") {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadTeam team(threads);
    for (const int64_t tasks : {0, 1, 2, 7, 1000}) {
      for (int round = 0; round < 50; ++round) {
        std::vector<std::atomic<int>> runs(tasks);
        team.ForEach(tasks, [&](int64_t task, int thread) {
          runs[task].fetch_add(1);
          if (thread < 0 || thread >= team.size()) std::abort();
        });
        for (const auto& count : runs) REQUIRE(count.load() == 1);
      }
    }
  }
}

TEST_CASE("runs follow each other without leaking into each other") {
  ThreadTeam team(4);
  std::vector<int64_t> values(64);
  for (int64_t round = 0; round < 5000; ++round) {
    team.ForEach(64, [&](int64_t task, int) { values[task] += round; });
  }
  for (const int64_t value : values) CHECK(value == 5000 * 4999 / 2);
}

TEST_CASE("an idle team uses no processor") {
  ThreadTeam team(4);
  team.ForEach(64, [](int64_t, int) {});
  CHECK(ComesToRest());
}

}  // namespace
}  // namespace puna::engine
