// Everything the operator chose: plain values, constant after Load.
#pragma once

#include "config/engine_config.h"
#include "config/server_config.h"

namespace puna::config {

struct Config {
  EngineConfig engine;
  ServerConfig server;
};

}  // namespace puna::config
