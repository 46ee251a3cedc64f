#include "server/host/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace puna::server {
namespace {

// A handler may do next to nothing but write to a descriptor.
volatile int wake = -1;

constexpr char kStop = 's', kReload = 'r';
// A wish to reload is in the pipe, and many at once are one: so the pipe has room for a wish to stop.
std::atomic<bool> reload_waits{false};

void OnSignal(int number) {
  if (number == SIGHUP && reload_waits.exchange(true)) return;
  const int saved = errno;
  const char wish = number == SIGHUP ? kReload : kStop;
  if (write(wake, &wish, 1) < 0) errno = saved;
  errno = saved;
}

void Exit(int) { _exit(0); }

// `flags`: beside SA_RESTART.
void Catch(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART | flags;
  sigaction(signal, &action, nullptr);
}

}  // namespace

// Whoever writes to what nobody reads learns it from the write.
void IgnoreBrokenPipes() { signal(SIGPIPE, SIG_IGN); }

void ExitOnStopSignals() {
  Catch(SIGTERM, Exit, 0);
  Catch(SIGINT, Exit, 0);
  signal(SIGHUP, SIG_IGN);
}

StopSignals::StopSignals() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error(std::string("cannot make a pipe: ") + std::strerror(errno));
  read_end_ = ends[0];
  write_end_ = ends[1];
  fcntl(write_end_, F_SETFL, O_NONBLOCK);  // a handler waits for nobody
  wake = write_end_;
  Catch(SIGTERM, OnSignal, SA_RESETHAND);  // the second one has its usual effect
  Catch(SIGINT, OnSignal, SA_RESETHAND);
  Catch(SIGHUP, OnSignal, 0);
}

StopSignals::~StopSignals() {
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  signal(SIGHUP, SIG_IGN);
  wake = -1;
  close(read_end_);
  close(write_end_);
}

StopSignals::Wish StopSignals::Wait() {
  char wish = kStop;
  while (read(read_end_, &wish, 1) < 0 && errno == EINTR) {
  }
  if (wish == kReload) reload_waits = false;
  return wish == kReload ? Wish::kReload : Wish::kStop;
}

void StopSignals::Notify() { OnSignal(SIGTERM); }

}  // namespace puna::server
