// A folder of the real file system. Files are readable and writable by their user alone, links are not followed.
#pragma once

#include <memory>
#include <string>

#include "engine/kv_disk/disk_folder.h"

namespace puna::engine {

// Makes the folder (0700) where there is none. Null, and `error` is an errno value.
std::shared_ptr<DiskFolder> OpenPosixFolder(const std::string& path, int& error);

}  // namespace puna::engine
