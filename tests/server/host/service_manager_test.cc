// What arrives at a socket that stands for systemd's.
#include "server/host/service_manager.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

namespace puna::server {
namespace {

class Manager {
 public:
  explicit Manager(std::string name) : name_(std::move(name)), fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name_.data(), name_.size());
    if (name_[0] == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    REQUIRE(bind(fd_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
  }
  ~Manager() {
    close(fd_);
    if (name_[0] == '/') unlink(name_.c_str());
  }
  std::string Next() {
    char bytes[4096];
    const ssize_t n = recv(fd_, bytes, sizeof bytes, 0);
    return n < 0 ? "" : std::string(bytes, static_cast<size_t>(n));
  }

 private:
  const std::string name_;
  const int fd_;
};

ServiceManager Started(const std::map<std::string, std::string>& variables) {
  return ServiceManager([&variables](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST_CASE("states go to a path or to a name in no file system, in lines") {
  const std::string mine = std::to_string(getpid());
  for (const std::string& name : {"/tmp/puna-notify-" + mine, "@puna-notify-" + mine}) {
    Manager systemd(name);
    const std::map<std::string, std::string> variables = {{"NOTIFY_SOCKET", name}};
    ServiceManager manager = Started(variables);
    CHECK_FALSE(manager.watched());
    manager.Starting("loading, 3 %");
    manager.Starting("loading, 3 %");
    manager.Alive();
    manager.Alive();
    manager.Ready("serving a\nMAINPID=1");
    CHECK(systemd.Next() == "STATUS=loading, 3 %");
    CHECK(systemd.Next() == "EXTEND_TIMEOUT_USEC=120000000");
    CHECK(systemd.Next() == "READY=1\nSTATUS=serving a MAINPID=1");
    manager.Starting("loading, 99 %");  // from a thread that was slow
    manager.Alive();
    CHECK(systemd.Next().empty());
    manager.Reloading();
    const std::string reloading = systemd.Next();
    CHECK(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="));
    CHECK(std::atoll(reloading.c_str() + std::strlen("RELOADING=1\nMONOTONIC_USEC=")) > 0);
    manager.Stopping("now");
    CHECK(systemd.Next() == "STOPPING=1\nSTATUS=now");
    manager.Alive();
    CHECK(systemd.Next().empty());
  }
}

TEST_CASE("a trouble is said once, and its end brings back the status of before") {
  const std::string name = "@puna-trouble-" + std::to_string(getpid());
  Manager systemd(name);
  const std::map<std::string, std::string> variables = {{"NOTIFY_SOCKET", name}};
  ServiceManager manager = Started(variables);
  manager.Trouble("");
  manager.Ready("serving a");
  manager.Trouble("it hangs");
  manager.Trouble("it hangs");
  manager.Trouble("");
  manager.Trouble("");
  CHECK(systemd.Next() == "READY=1\nSTATUS=serving a");
  CHECK(systemd.Next() == "STATUS=it hangs");
  CHECK(systemd.Next() == "STATUS=serving a");
  CHECK(systemd.Next().empty());
}

TEST_CASE("the watchdog hears of us when half of its time is over, and only if it is ours") {
  const std::string name = "@puna-watchdog-" + std::to_string(getpid());
  Manager systemd(name);
  std::map<std::string, std::string> variables = {{"NOTIFY_SOCKET", name}, {"WATCHDOG_USEC", "60000000"}};
  ServiceManager slow = Started(variables);
  CHECK(slow.watched());
  slow.Alive();
  slow.Alive();
  CHECK(systemd.Next() == "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=120000000");
  CHECK(systemd.Next().empty());
  variables["WATCHDOG_USEC"] = "2";
  variables["WATCHDOG_PID"] = std::to_string(getpid());
  ServiceManager quick = Started(variables);
  quick.Ready("serving");
  CHECK(systemd.Next() == "READY=1\nSTATUS=serving");
  for (int i = 0; i < 2; ++i) {
    usleep(10);
    quick.Alive();
    CHECK(systemd.Next() == "WATCHDOG=1");
  }
  variables["WATCHDOG_PID"] = "1";
  CHECK_FALSE(Started(variables).watched());
}

TEST_CASE("signs of life need no descriptor that others may have taken") {
  const std::string name = "@puna-descriptors-" + std::to_string(getpid());
  Manager systemd(name);
  const std::map<std::string, std::string> variables = {{"NOTIFY_SOCKET", name}};
  ServiceManager manager = Started(variables);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{0, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  manager.Ready("serving");
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(systemd.Next() == "READY=1\nSTATUS=serving");
}

TEST_CASE("where nobody listens, nothing happens") {
  const std::map<std::string, std::string> none;
  Started(none).Ready("x");
  for (const std::string& name :
       {std::string("relative"), std::string(), "/" + std::string(200, 'x'), std::string("/tmp/puna-nobody")}) {
    const std::map<std::string, std::string> variables = {{"NOTIFY_SOCKET", name}, {"WATCHDOG_USEC", "5"}};
    ServiceManager manager = Started(variables);
    manager.Ready("x");
    manager.Alive();
  }
}

}  // namespace
}  // namespace puna::server
