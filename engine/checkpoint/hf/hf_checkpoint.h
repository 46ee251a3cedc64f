// A Llama in Hugging Face's layout: config.json, generation_config.json, safetensors.
#pragma once

#include "engine/checkpoint/files/file_set.h"
#include "engine/checkpoint/sources/checkpoint.h"

namespace puna::engine {

// Every tensor must be there in its shape, and none besides, except those known to change nothing.
Checkpoint OpenHfCheckpoint(const FileSet& files);

}  // namespace puna::engine
