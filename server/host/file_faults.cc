#include "server/host/file_faults.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <utility>

#include "engine/base/mapped_range.h"

namespace puna::server {
namespace {

constexpr std::chrono::seconds kEvery{1};
constexpr int kPatienceMs = 1000;  // for whoever reads standard error
constexpr const char* kRemedy =
    "Do not write to a model's file while it is served: write another one and rename it, then restart";

// A line put together without memory from anywhere: all that a handler may do.
class Line {
 public:
  void Add(const char* text) {
    const size_t n = std::min(std::strlen(text), bytes_.size() - size_);
    std::memcpy(bytes_.data() + size_, text, n);
    size_ += n;
  }
  // Where nobody reads for a moment, it is lost.
  void Write() const {
    pollfd ready{STDERR_FILENO, POLLOUT, 0};
    if (poll(&ready, 1, kPatienceMs) == 1 && write(STDERR_FILENO, bytes_.data(), size_) < 0) return;
  }

 private:
  std::array<char, 1024> bytes_{};
  size_t size_ = 0;
};

void OnBusError(int number, siginfo_t* info, void* /*context*/) {
  const char* path = info->si_code > 0 ? engine::MappedRange::PathAt(info->si_addr) : nullptr;  // > 0: from the kernel
  Line line;
  line.Add("puna: ");
  if (path == nullptr) {
    line.Add("SIGBUS, and no file of a model is at fault\n");
    line.Write();
    signal(number, SIG_DFL);
    raise(number);
    return;
  }
  line.Add(path);
  line.Add(": became shorter while it was mapped, or its disk cannot read it: this is the end of the process. ");
  line.Add(kRemedy);
  line.Add("\n");
  line.Write();
  _exit(1);
}

}  // namespace

void NameFilesAtFault() {
  struct sigaction action {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

FileWatch::FileWatch(std::function<void(const std::string&)> changed)
    : changed_(std::move(changed)), thread_([this] { Run(); }) {}

FileWatch::~FileWatch() {
  {
    const engine::MutexLock lock(mutex_);
    ending_ = true;
  }
  end_.NotifyAll();
  thread_.join();
}

void FileWatch::Run() {
  while (true) {
    {
      engine::MutexLock lock(mutex_);
      const auto next = std::chrono::steady_clock::now() + kEvery;
      while (!ending_ && end_.WaitUntil(lock, next)) {
      }
      if (ending_) return;
    }
    const std::string path = engine::MappedRange::FindChanged();
    if (!path.empty()) return changed_(path);
  }
}

std::string ChangedFileText(const std::string& path) {
  return path +
         ": was written to while it was mapped, so what is computed from it is worth nothing: this is the end of the "
         "process. " +
         kRemedy;
}

}  // namespace puna::server
