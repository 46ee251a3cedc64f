// The events of a response for a client that comes back, or that never was its first reader.
#pragma once

#include <chrono>
#include <memory>

#include "server/http/http.h"
#include "server/store/event_log.h"

namespace puna::server {

// From the event of this number on, and those that are still being made.
std::unique_ptr<ReplyTask> ReplayLive(std::shared_ptr<EventLog> log, size_t first, std::chrono::seconds comments);

// The headers of such a stream.
void BeginReplay(HttpReply& reply);

}  // namespace puna::server
