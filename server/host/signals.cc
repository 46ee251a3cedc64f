#include "server/host/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace puna::server {
namespace {

// A handler may do next to nothing but write to a descriptor.
volatile int wake = -1;

void OnSignal(int) {
  const int saved = errno;
  if (write(wake, "", 1) < 0) errno = saved;
  errno = saved;
}

void Exit(int) { _exit(0); }

void Catch(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART | SA_RESETHAND;  // the second one has its usual effect
  sigaction(signal, &action, nullptr);
}

}  // namespace

// Whoever writes to what nobody reads learns it from the write.
void IgnoreBrokenPipes() { signal(SIGPIPE, SIG_IGN); }

void ExitOnStopSignals() {
  Catch(SIGTERM, Exit);
  Catch(SIGINT, Exit);
}

StopSignals::StopSignals() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error(std::string("cannot make a pipe: ") + std::strerror(errno));
  read_end_ = ends[0];
  write_end_ = ends[1];
  wake = write_end_;
  Catch(SIGTERM, OnSignal);
  Catch(SIGINT, OnSignal);
}

StopSignals::~StopSignals() {
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  wake = -1;
  close(read_end_);
  close(write_end_);
}

void StopSignals::Wait() {
  char byte;
  while (read(read_end_, &byte, 1) < 0 && errno == EINTR) {
  }
}

void StopSignals::Notify() { OnSignal(0); }

}  // namespace puna::server
