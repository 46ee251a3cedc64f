// Sockets at paths, and sockets that were passed on.
#include "server/http/listen_socket.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>

#include "server/host/loopback.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/throws.h"

namespace puna::server {
namespace {

using testing::MessageOf;

// With the place of a socket in it.
struct TestFolder : testing::TemporaryFolder {
  std::string File() const { return PathOf("s"); }
};

bool Connects(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  const bool connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return connected;
}

TEST_CASE("a host that is a path") {
  CHECK(UnixPathOf("unix:/run/puna.sock") == "/run/puna.sock");
  CHECK(UnixPathOf("127.0.0.1").empty());
  CHECK(UnixPathOf("::1").empty());
}

TEST_CASE("a socket that nobody listens on is replaced, and no other") {
  const TestFolder folder;
  const int first = ListenOnPath(folder.File());
  CHECK(Connects(folder.File()));
  CHECK(MessageOf([&] { ListenOnPath(folder.File()); }).find("Address already in use; choose another path") !=
        std::string::npos);
  CHECK(Connects(folder.File()));
  close(first);
  CHECK_FALSE(Connects(folder.File()));
  const int second = ListenOnPath(folder.File());
  CHECK(Connects(folder.File()));
  CHECK(PortOf(second) == 0);
  close(second);
  unlink(folder.File().c_str());
  close(open(folder.File().c_str(), O_CREAT | O_WRONLY, 0600));
  CHECK(MessageOf([&] { ListenOnPath(folder.File()); }).find("something else is there") != std::string::npos);
  CHECK(MessageOf([&] { ListenOnPath("/nowhere/at/all"); }).find("No such file or directory; make its folder") !=
        std::string::npos);
  CHECK(MessageOf([&] { ListenOnPath("/" + std::string(200, 'x')); }).find("at most 107 bytes") != std::string::npos);
}

TEST_CASE("the host of a socket is where it is bound, not what somebody asked for") {
  const TestFolder folder;
  const int path = ListenOnPath(folder.File()), local = ListenOn("localhost", 0, ""), all = ListenOn("0.0.0.0", 0, "");
  CHECK(HostOf(path) == "unix:" + folder.File());
  CHECK(IsLoopback(HostOf(local)));
  CHECK(HostOf(all) == "0.0.0.0");
  CHECK_FALSE(IsLoopback(HostOf(all)));
  CHECK(HostOf(-1) == "unknown");
  for (const int socket : {path, local, all}) close(socket);
}

TEST_CASE("nothing is taken that was passed to another process, or to none") {
  std::map<std::string, std::string> variables;
  const auto get = [&](const char* name) { return variables.contains(name) ? variables[name].c_str() : nullptr; };
  CHECK(PassedSockets(false, get).empty());
  variables = {{"LISTEN_FDS", "1"}, {"LISTEN_PID", "1"}};
  CHECK(PassedSockets(false, get).empty());
  variables["LISTEN_PID"] = std::to_string(getpid());
  variables["LISTEN_FDNAMES"] = "metrics";
  CHECK(PassedSockets(false, get).empty());
}

}  // namespace
}  // namespace puna::server
