// Rows that the parts of puna bench have in common.
#pragma once

#include "config/engine_config.h"
#include "config/option.h"

namespace puna::server {

// The model and how it is computed, of the EngineConfig at this place of Struct.
template <typename Struct, auto... kPath>
typename config::OptionTable<Struct>::Rows EngineRows() {
  using E = config::EngineConfig;
  return {
      {"model", "Model", "MODEL", "what puna serve takes, or random:llama-3.2-3b; empty: the embedded demo model",
       config::TextAt<kPath..., &E::model>()},
      {"weights", "Model", "FORMAT", "how weights are held",
       config::ChoiceAt<kPath..., &E::weights>({"auto", "bf16", "w8a8", "w4a8"})},
      {"kv_cache_dtype", "Model", "TYPE", "how the KV cache is held; auto: bf16",
       config::ChoiceAt<kPath..., &E::kv_cache_dtype>({"auto", "bf16", "int8"})},
      {"threads", "Model", "N", "threads that compute; 0: all that this process may use",
       config::IntegerAt<kPath..., &E::threads>(0, 1024)},
      {"isa", "Model", "SET", "instruction set: auto, or one of those that puna serve --help lists",
       config::TextAt<kPath..., &E::isa>()},
  };
}

}  // namespace puna::server
