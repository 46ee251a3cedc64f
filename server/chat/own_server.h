// A server of the chat's own: puna serve as a child that ends with it.
#pragma once

#include <string>
#include <thread>
#include <vector>

namespace puna::server {

class OwnServer {
 public:
  // Starts this same program with `arguments` behind "serve", on a free port of loopback, and waits until it serves; its log until
  // then goes to standard error. Throws std::runtime_error where it ends instead. Call before other threads start.
  explicit OwnServer(const std::vector<std::string>& arguments);
  ~OwnServer();
  OwnServer(const OwnServer&) = delete;

  const std::string& url() const { return url_; }

 private:
  void WaitUntilItServes();

  int child_ = -1;
  int log_ = -1;  // the read end of its standard error
  std::string url_;
  std::thread drain_;  // reads what it says later, so that it need not wait
};

}  // namespace puna::server
