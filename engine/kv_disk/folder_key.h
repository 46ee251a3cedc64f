// The key of the names of blocks. Whoever shares a folder shares the key that lies in it, and nobody else can make two
// texts that share a name.
#pragma once

#include "engine/kv_cache/block_hash.h"
#include "engine/kv_disk/disk_folder.h"

namespace puna::engine {

// The folder's key, made where there is none. Where that cannot be written it is a new one each time: what lies in
// the folder is not found, and `error` is a negative errno value.
HashKey FolderKey(DiskFolder& folder, int& error);

}  // namespace puna::engine
