// Writes lines to a descriptor without ever waiting for whoever reads it: what cannot be written at once is kept, within a
// bound, and what goes beyond it is dropped and counted, and the count written once there is room.
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "engine/base/mutex.h"

namespace puna::server {

class PatientOutput {
 public:
  // `tell_dropped` makes the line that says how many were dropped.
  PatientOutput(int fd, size_t max_kept, std::function<std::string(uint64_t dropped)> tell_dropped);
  ~PatientOutput();
  PatientOutput(const PatientOutput&) = delete;

  // From any thread. A line that has been begun is finished before the next.
  void Write(std::string_view line);
  // Writes what is kept, waiting for the reader so long at most.
  void Flush(int patience_ms);
  uint64_t dropped() const;

 private:
  void WriteKept() PUNA_REQUIRES(mutex_);
  bool WriteSome() PUNA_REQUIRES(mutex_);

  const int fd_;
  int own_fd_ = -1;  // the same pipe, opened so that it does not block
  enum class Kind { kNonBlocking, kSocket, kPolled } kind_;
  size_t polled_bytes_ = PIPE_BUF;  // so much never blocks a ready pipe
  const size_t max_kept_;
  const std::function<std::string(uint64_t)> tell_dropped_;
  mutable engine::Mutex mutex_;
  std::string kept_ PUNA_GUARDED_BY(mutex_);
  uint64_t dropped_ PUNA_GUARDED_BY(mutex_) = 0;
  uint64_t untold_ PUNA_GUARDED_BY(mutex_) = 0;
};

}  // namespace puna::server
