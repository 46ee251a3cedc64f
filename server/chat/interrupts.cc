#include "server/chat/interrupts.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>

namespace puna::server {
namespace {

bool TakeSignal(int signals) {
  signalfd_siginfo info;
  return read(signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info);
}

}  // namespace

Interrupts::Interrupts() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals_ < 0) throw std::runtime_error("signals cannot be watched");
}

Interrupts::~Interrupts() { close(signals_); }

Interrupts::Watch::Watch(const Interrupts& interrupts, std::function<void()> stop) : end_(eventfd(0, EFD_CLOEXEC)) {
  if (end_ < 0) throw std::runtime_error("signals cannot be watched");
  while (TakeSignal(interrupts.signals_)) {
  }
  thread_ = std::thread([this, signals = interrupts.signals_, stop = std::move(stop)] {
    pollfd both[] = {{.fd = signals, .events = POLLIN, .revents = 0}, {.fd = end_, .events = POLLIN, .revents = 0}};
    while (poll(both, 2, -1) < 0 || both[1].revents == 0) {
      if (!TakeSignal(signals)) continue;
      came_ = true;
      stop();
    }
  });
}

Interrupts::Watch::~Watch() {
  const uint64_t one = 1;
  if (write(end_, &one, sizeof one) == static_cast<ssize_t>(sizeof one)) thread_.join();
  close(end_);
}

}  // namespace puna::server
