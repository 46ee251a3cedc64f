// The log: one line an event on standard error, as text or as JSON.
#pragma once

#include <string>

#include "server/access_log.h"

namespace puna::server {

// `level`: trace, debug, info, warn, error, off. `format`: text or json. Call once, before other
// threads start.
void SetUpLog(const std::string& level, const std::string& format);

void LogInfo(const std::string& message);
void LogWarning(const std::string& message);
void LogError(const std::string& message);

// Answers to probes are debug, failures of ours are errors, everything else is info.
void LogRequest(const AccessLine& line);

}  // namespace puna::server
