// What lists of models say of the one that is served, whatever the protocol.
#pragma once

#include <cstdint>

#include "server/generate/service.h"

namespace puna::server {

// Of weights and norms; a head that shares the embeddings counts once.
uint64_t ParameterCount(const Service& service);

}  // namespace puna::server
