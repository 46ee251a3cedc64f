// By which names clients may call this server. A page of any site can have its own name resolve to this machine's address
// (DNS rebinding) and then passes for a page of this server: only the Host field shows it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace puna::server {

class HostNames {
 public:
  // `names` beside those of this very machine: localhost, and addresses, which nobody can rebind. * stands for all.
  explicit HostNames(std::vector<std::string> names) : names_(std::move(names)) {}

  // `host` as a Host field has it, with a port or without. An empty one is known: no browser sends it.
  bool Knows(std::string_view host) const;

 private:
  std::vector<std::string> names_;
};

}  // namespace puna::server
