// The small model inside the binary, served when no other is named.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace puna::engine {

// The files of a model folder by name, as they lie in engine/demo/model. Valid for ever.
std::map<std::string, std::span<const std::byte>> DemoModelFiles();

}  // namespace puna::engine
