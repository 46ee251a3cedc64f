// The KV cache on disk that the operator chose.
#pragma once

#include "config/engine_config.h"
#include "engine/engine.h"

namespace puna::server {

// Opens its folder, and makes it where there is none. What fails is logged, here and later, and the server does without:
// a cache is no reason not to serve.
engine::KvDiskOptions OpenKvDisk(const config::EngineConfig& config);

}  // namespace puna::server
