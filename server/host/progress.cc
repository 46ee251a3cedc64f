#include "server/host/progress.h"

#include <unistd.h>

#include <cstdio>

#include "server/host/log.h"

namespace puna::server {
namespace {

constexpr int kLogStep = 20;  // per cent between two lines of the log

}  // namespace

Progress::Progress(std::string task) : task_(std::move(task)), terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (terminal_) std::fprintf(stderr, "\r\033[K");
}

void Progress::Tell(double share) {
  const int percent = static_cast<int>(share * 100);
  if (percent <= told_) return;
  if (terminal_) {
    std::fprintf(stderr, "\r%s: %d %%", task_.c_str(), percent);
  } else if (percent / kLogStep > told_ / kLogStep) {
    LogInfo(task_ + ": " + std::to_string(percent) + " %");
  }
  told_ = percent;
}

}  // namespace puna::server
