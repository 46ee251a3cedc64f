// What the kernel says of this process.
#pragma once

#include <optional>
#include <string>

namespace puna::server {

// The number in the line NAME of /proc/self/status: KiB, for memory. None where it cannot be read.
std::optional<double> StatusField(const std::string& name);

}  // namespace puna::server
