// The log: one line an event on standard error, as text or as JSON. Nobody waits for its reader: what it does not take in time is
// dropped and counted, and a line says so once it reads on.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace puna::server {

// `level`: trace, debug, info, warn, error, off. `format`: text or json. Call once, before other
// threads start.
void SetUpLog(const std::string& level, const std::string& format);

// The level alone, at any time, from any thread.
void SetLogLevel(const std::string& level);

uint64_t DroppedLogLines();

void LogInfo(const std::string& message);
void LogWarning(const std::string& message);
void LogError(const std::string& message);

// An event that has a form of its own in each format: only the one that is written is made.
enum class LogLevel { kDebug, kInfo, kError };
void LogEvent(LogLevel level, const std::function<std::string()>& text, const std::function<std::string()>& json_value);

}  // namespace puna::server
