// Where the log's lines go: standard error, whose reader may stand still or be gone.
#pragma once

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <functional>
#include <string>

#include "server/host/patient_output.h"

namespace puna::server {

class LogSink : public spdlog::sinks::base_sink<spdlog::details::console_mutex::mutex_t> {
 public:
  LogSink(int fd, std::function<std::string(uint64_t dropped)> tell_dropped)
      : output_(fd, kMaxKept, std::move(tell_dropped)) {}
  uint64_t dropped() const { return output_.dropped(); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    output_.Write({line.data(), line.size()});
  }
  void flush_() override { output_.Flush(0); }

 private:
  static constexpr size_t kMaxKept = 1 << 20;  // bytes
  PatientOutput output_;
};

}  // namespace puna::server
