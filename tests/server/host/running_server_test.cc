#include "server/host/running_server.h"

#include <doctest/doctest.h>

#include "tests/support/temporary_folder.h"

namespace puna::server {
namespace {

using Strings = std::vector<std::string>;

struct FakeProc : testing::TemporaryFolder {
  void Run(const std::string& pid, const std::string& name, const Strings& words, const Strings& variables = {}) {
    const auto joined = [](const Strings& strings) {
      std::string all;
      for (const std::string& text : strings) all += text + '\0';
      return all;
    };
    Write("proc/" + pid + "/comm", name + "\n");
    Write("proc/" + pid + "/cmdline", joined(words));
    Write("proc/" + pid + "/environ", joined(variables));
  }
  std::optional<RunningServer> Find() const { return FindRunningServer(path()); }
};

TEST_CASE("the one server is found by what it was started with") {
  FakeProc proc;
  CHECK_FALSE(proc.Find());
  proc.Run("self", "puna", {"puna", "serve"});
  proc.Run("7", "sh", {"sh", "-c", "puna serve"});
  proc.Run("8", "puna", {"/usr/local/bin/puna", "healthcheck"});
  CHECK_FALSE(proc.Find());
  proc.Run("1", "puna", {"/usr/local/bin/puna", "serve", "--port", "9000", "--api-key", ""},
           {"PUNA_HOST=0.0.0.0", "A=b c"});
  const std::optional<RunningServer> found = proc.Find();
  REQUIRE(found);
  CHECK(found->arguments == Strings{"--port", "9000", "--api-key", ""});
  CHECK(found->environment == Strings{"PUNA_HOST=0.0.0.0", "A=b c"});
  proc.Run("20", "puna", {"puna"});
  CHECK_FALSE(proc.Find());  // of two, nobody knows which is meant
}

TEST_CASE("a server needs no command") {
  for (const Strings& words : {Strings{"puna"}, Strings{"puna", "--port", "9000"}}) {
    FakeProc proc;
    proc.Run("1", "puna", words);
    const std::optional<RunningServer> found = proc.Find();
    REQUIRE(found);
    CHECK(found->arguments == Strings(words.begin() + 1, words.end()));
  }
}

}  // namespace
}  // namespace puna::server
