// puna plan: what puna serve with the same options would use, and what fits, without loading a
// weight.
#pragma once

#include <string>

#include "config/config.h"

namespace puna::server {

// A few lines for people. Throws std::runtime_error as Serve would: a model that cannot be read, or
// memory that is too small.
std::string Plan(config::Config config);

}  // namespace puna::server
