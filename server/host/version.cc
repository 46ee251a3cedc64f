#include "server/host/version.h"

namespace puna::server {

std::string Version() { return PUNA_VERSION; }

}  // namespace puna::server
