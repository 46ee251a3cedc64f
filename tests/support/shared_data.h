// Reference data beside the project: the folder PUNA_SHARED, or ../shared. Tests that need it skip with a line where it
// is not there.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

namespace puna::testing {

inline std::string SharedPath(const std::string& relative) {
  const char* chosen = std::getenv("PUNA_SHARED");
  return (chosen != nullptr ? std::string(chosen) : std::string(PUNA_SOURCE_DIR) + "/../shared") + "/" + relative;
}

// False, with a message, when the file or folder is not there.
inline bool HaveShared(const std::string& relative) {
  const std::string path = SharedPath(relative);
  if (std::filesystem::exists(path)) return true;
  MESSAGE("skipped: " << path << " is not there (set PUNA_SHARED to the folder of reference data)");
  return false;
}

}  // namespace puna::testing
