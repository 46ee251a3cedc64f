// Sockets on which connections are accepted.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace puna::server {

// Binds and listens; the socket does not block. host: a name or an address, also [::1]; port 0: any free one. `option` names
// what the operator could choose otherwise. Throws std::runtime_error: address, reason, remedy.
int ListenOn(const std::string& host, int port, const std::string& option);

// The same for a Unix socket at the path, with the permissions that the umask leaves. A socket that nobody listens on any more is
// replaced; anything else that is there is not.
int ListenOnPath(const std::string& path);

// The path of a host such as unix:/run/puna.sock; empty: it is none.
std::string UnixPathOf(const std::string& host);

// Sockets that whoever started us listens on already, as systemd's socket activation passes them on (sd_listen_fds(3)): those
// called "metrics" (FileDescriptorName=), or the others. get: as getenv. Throws std::runtime_error when one of them is no
// listening stream socket.
std::vector<int> PassedSockets(bool for_metrics, const std::function<const char*(const char*)>& get);

// The port of a bound socket; 0: it has none.
int PortOf(int socket);

// The address that a socket is bound to, as a host is given: an address, or unix:PATH (unix:@NAME, which is in no file system).
std::string HostOf(int socket);

// The address of a client without its port; "unix" where clients have none.
std::string PeerOf(int socket);

}  // namespace puna::server
