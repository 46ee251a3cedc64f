// Whether a host is this machine and no other.
#pragma once

#include <string>

namespace puna::server {

// localhost, or an address of loopback, also in brackets: who listens there is reached from this machine alone, and who is called
// so needs no network. Names that merely begin like an address (127.example.com) are no such thing.
bool IsLoopback(const std::string& host);

}  // namespace puna::server
