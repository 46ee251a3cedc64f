#include "server/host/log.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "server/host/log_sink.h"

namespace puna::server {
namespace {

// What the default logger is called says in which form it writes.
constexpr char kText[] = "puna";
constexpr char kJson[] = "puna json";

bool WritesJson() { return spdlog::default_logger_raw()->name() == kJson; }

void Write(spdlog::level::level_enum level, const std::string& message) {
  if (!WritesJson()) {
    spdlog::log(level, "{}", message);
  } else {
    const nlohmann::json text(message);
    spdlog::log(level, "{{\"message\":{}}}", text.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
  }
}

// A line of its own, made without the logger, which is at work when it is needed.
std::string TellDropped(bool json, uint64_t dropped) {
  const std::string message = std::to_string(dropped) + " lines of the log were dropped: nobody read them";
  return json ? R"({"level":"warning","event":{"message":")" + message + "\"}}\n" : "warning " + message + "\n";
}

}  // namespace

uint64_t DroppedLogLines() {
  const auto& sinks = spdlog::default_logger_raw()->sinks();
  const auto* sink = sinks.empty() ? nullptr : dynamic_cast<const LogSink*>(sinks.front().get());
  return sink != nullptr ? sink->dropped() : 0;
}

void SetLogLevel(const std::string& level) { spdlog::set_level(spdlog::level::from_str(level)); }

void SetUpLog(const std::string& level, const std::string& format) {
  const bool json = format == "json";
  auto sink = std::make_shared<LogSink>(STDERR_FILENO, [json](uint64_t dropped) { return TellDropped(json, dropped); });
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(json ? kJson : kText, std::move(sink)));
  // Time and level are written here, the event is a JSON value of its own.
  spdlog::set_pattern(
      json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","event":%v})" : "%Y-%m-%d %H:%M:%S.%e %^%l%$ %v",
      json ? spdlog::pattern_time_type::utc : spdlog::pattern_time_type::local);
  SetLogLevel(level);
  spdlog::flush_on(spdlog::level::info);
}

void LogInfo(const std::string& message) { Write(spdlog::level::info, message); }
void LogWarning(const std::string& message) { Write(spdlog::level::warn, message); }
void LogError(const std::string& message) { Write(spdlog::level::err, message); }

void LogEvent(LogLevel level, const std::function<std::string()>& text,
              const std::function<std::string()>& json_value) {
  const auto spd = level == LogLevel::kDebug   ? spdlog::level::debug
                   : level == LogLevel::kError ? spdlog::level::err
                                               : spdlog::level::info;
  if (spdlog::should_log(spd)) spdlog::log(spd, "{}", WritesJson() ? json_value() : text());
}

}  // namespace puna::server
