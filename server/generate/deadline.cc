#include "server/generate/deadline.h"

#include <string>

#include "api/json/error.h"

namespace puna::server {

void Deadline::Check() const {
  if (timeout_.count() == 0 || Clock::now() - start_ < timeout_) return;
  throw api::ApiError(504, "server_error", "request_timeout",
                      "The request took longer than this server allows (" + std::to_string(timeout_.count()) + " s).");
}

Deadline::Clock::time_point Deadline::end() const {
  return timeout_.count() == 0 ? Clock::time_point::max() : start_ + timeout_;
}

}  // namespace puna::server
