// The table of what the server answers.
#pragma once

#include <string>
#include <vector>

#include "server/http/http.h"

namespace puna::server {

class Router {
 public:
  // A path that ends in * also takes everything that begins with what stands before it; {} takes
  // one segment, which is not empty, {resp_} one that begins with resp_. A plain path wins over all. A * stands at the end, alone.
  enum class Access { kWithKey, kOpen };  // kOpen: no key is asked for, whatever the server's others need
  void Add(const std::string& method, const std::string& path, Handler handler, Access access = Access::kWithKey);

  struct Match {
    const Handler* handler = nullptr;
    std::string path;  // of the route, as added
    std::string tail;  // what stands for the *, or for each {...}, with a / between them
    bool open = false;
  };
  // No handler: see AllowedMethods. HEAD is answered by GET's handler.
  Match Find(const std::string& method, const std::string& path) const;

  // As in an Allow header, as "GET, HEAD, OPTIONS"; empty when nobody answers at this path.
  std::string AllowedMethods(const std::string& path) const;

 private:
  struct Route {
    std::string method, path;
    Handler handler;
    Access access;
  };
  std::vector<Route> routes_;
};

}  // namespace puna::server
