// Each in a process of its own, whose end is looked at.
#include "server/host/signals.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <functional>

namespace puna::server {
namespace {

constexpr unsigned kHangSeconds = 600;

// How a process ended that did this: its status, or minus the signal that ended it.
int EndOf(const std::function<int()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(kHangSeconds);
    _exit(work());
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// The same of the first process of a container; kNotAllowed where the system makes none.
constexpr int kNotAllowed = 99;
int EndOfFirst(const std::function<int()>& work) {
  return EndOf([&]() -> int {
    if (unshare(CLONE_NEWPID) != 0) return kNotAllowed;
    const pid_t first = fork();
    if (first == 0) _exit(getpid() == 1 ? work() : kNotAllowed);
    int status = 0;
    if (waitpid(first, &status, 0) != first) return kNotAllowed;
    return WIFSIGNALED(status) ? kNotAllowed : WEXITSTATUS(status);
  });
}

int AskTwice() {
  StopSignals signals;
  raise(SIGTERM);
  if (signals.Wait() != StopSignals::Wish::kStop) return 1;
  raise(SIGTERM);
  return 2;
}

TEST_CASE("the first wish to stop is told, and the second ends the process at once") {
  CHECK(EndOf(AskTwice) == -SIGTERM);
  CHECK(EndOf([] {
          StopSignals signals;
          raise(SIGTERM);
          raise(SIGINT);
          return 2;
        }) == -SIGINT);
  CHECK(EndOf([] {
          { StopSignals signals; }
          raise(SIGTERM);  // while the process ends
          return 2;
        }) == -SIGTERM);
  CHECK(EndOf([] {
          StopSignals signals;
          signals.Notify();
          signals.Notify();
          return signals.Wait() == StopSignals::Wish::kStop ? 3 : 2;
        }) == 3);
}

TEST_CASE("the first process of a container ends, too, and has no zombies") {
  const int twice = EndOfFirst(AskTwice);
  if (twice == kNotAllowed) {
    MESSAGE("no process may have a container of its own here");
    return;
  }
  CHECK(twice == 128 + SIGTERM);
  CHECK(EndOfFirst([] {
          ExitOnStopSignals();
          raise(SIGTERM);
          return 2;
        }) == 0);
  CHECK(EndOfFirst([] {
          LeaveNoOrphans();
          const pid_t child = fork();
          if (child == 0) _exit(0);
          // Waits for all to end, and finds that nobody is left to ask about.
          return waitpid(child, nullptr, 0) < 0 && errno == ECHILD ? 4 : 2;
        }) == 4);
}

TEST_CASE("a wish to reload that came early is told when somebody listens") {
  CHECK(EndOf([] {
          ExitOnStopSignals();
          raise(SIGHUP);
          raise(SIGHUP);
          StopSignals signals;
          return signals.Wait() == StopSignals::Wish::kReload ? 5 : 2;
        }) == 5);
}

TEST_CASE("a file that reaches the size that is allowed fails the write, and nothing else") {
  CHECK(EndOf([] {
          IgnoreFailedWrites();
          const rlimit limit{10, 10};
          char name[] = "/tmp/puna_signals_test_XXXXXX";
          const int file = mkstemp(name);
          unlink(name);
          const char bytes[20] = {};
          if (file < 0 || setrlimit(RLIMIT_FSIZE, &limit) != 0 || write(file, bytes, sizeof bytes) != 10) return 2;
          return write(file, bytes, sizeof bytes) < 0 && errno == EFBIG ? 6 : 2;
        }) == 6);
}

}  // namespace
}  // namespace puna::server
