// Sockets on which connections are accepted.
#pragma once

#include <string>

namespace puna::server {

// Binds and listens; the socket does not block. host: a name or an address, also [::1]; port 0: any free one. `option` names
// what the operator could choose otherwise. Throws std::runtime_error: address, reason, remedy.
int ListenOn(const std::string& host, int port, const std::string& option);

// The port of a bound socket; 0: it has none.
int PortOf(int socket);

// The address of a client without its port; "unix" where clients have none.
std::string PeerOf(int socket);

}  // namespace puna::server
