// Which puna this is.
#pragma once

#include <string>

namespace puna::server {

std::string Version();  // 0.1.0

}  // namespace puna::server
