// Which web pages may call this server from a browser.
#pragma once

#include <string>
#include <vector>

#include "server/http/http.h"

namespace puna::server {

class Cors {
 public:
  // Origins as browsers send them, as in http://localhost:3000; * stands for all.
  explicit Cors(std::vector<std::string> origins) : origins_(std::move(origins)) {}

  // Adds what lets the page of the request's Origin read the reply; nothing for other origins.
  void Allow(const HttpRequest& request, HttpReply& reply) const;

  // Whether the page that sent the request, if it was one, may: a listed one, or one of this server's own.
  bool Permits(const HttpRequest& request) const;

 private:
  bool Knows(const std::string& origin) const;

  std::vector<std::string> origins_;
};

}  // namespace puna::server
