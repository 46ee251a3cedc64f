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
// A wish to reload is in the pipe, or waits for a pipe, and many at once are one: so the pipe has room for a wish to stop.
std::atomic<bool> reload_waits{false};
std::atomic<bool> stop_was_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void Tell(char wish) {
  const int saved = errno;
  if (write(wake, &wish, 1) < 0) errno = saved;
  errno = saved;
}

// As the signal by itself would; where the kernel keeps that from us, since we are the first process of a container, with the
// status that a shell would give it.
void EndAtOnce(int number) {
  signal(number, SIG_DFL);
  sigset_t own;
  sigemptyset(&own);
  sigaddset(&own, number);
  pthread_sigmask(SIG_UNBLOCK, &own, nullptr);
  raise(number);
  _exit(128 + number);
}

void OnStop(int number) {
  if (stop_was_asked.exchange(true)) EndAtOnce(number);
  Tell(kStop);
}

void OnReload(int) {
  if (!reload_waits.exchange(true)) Tell(kReload);
}

void KeepReload(int) { reload_waits = true; }

void Exit(int) { _exit(0); }

void Catch(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

}  // namespace

void IgnoreFailedWrites() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
}

void LeaveNoOrphans() {
  if (getpid() == 1) signal(SIGCHLD, SIG_IGN);
}

void ExitOnStopSignals() {
  Catch(SIGTERM, Exit);
  Catch(SIGINT, Exit);
  Catch(SIGHUP, KeepReload);
}

StopSignals::StopSignals() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error(std::string("cannot make a pipe: ") + std::strerror(errno));
  read_end_ = ends[0];
  write_end_ = ends[1];
  fcntl(write_end_, F_SETFL, O_NONBLOCK);  // a handler waits for nobody
  wake = write_end_;
  stop_was_asked = false;
  Catch(SIGTERM, OnStop);
  Catch(SIGINT, OnStop);
  Catch(SIGHUP, OnReload);
  if (reload_waits) Tell(kReload);  // since before there was a pipe; twice is no harm
}

StopSignals::~StopSignals() {
  Catch(SIGTERM, EndAtOnce);
  Catch(SIGINT, EndAtOnce);
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

void StopSignals::Notify() { Tell(kStop); }

}  // namespace puna::server
