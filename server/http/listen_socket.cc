#include "server/http/listen_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace puna::server {
namespace {

constexpr int kBacklog = 4096;  // the system takes less where it must

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

std::string Remedy(int error, int port, const std::string& option) {
  if (error == EACCES && port < 1024)
    return "ports below 1024 need root or CAP_NET_BIND_SERVICE; choose another " + option;
  if (error == EADDRNOTAVAIL) return "no network interface of this machine has it; choose another --host";
  return "choose another " + option + ", or stop the program that holds it";
}

[[noreturn]] void Fail(const std::string& host, int port, const std::string& reason, const std::string& remedy) {
  throw std::runtime_error("cannot listen on " + host + ":" + std::to_string(port) + ": " + reason + "; " + remedy);
}

Addresses Resolve(const std::string& host, int port, const std::string& option) {
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string name = bracketed ? host.substr(1, host.size() - 2) : host;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(name.empty() ? nullptr : name.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) Fail(host, port, gai_strerror(error), "choose another " + option);
  return {found, freeaddrinfo};
}

// -1 with errno set. Not SO_REUSEPORT: two servers could then take the same port without a word.
int Bind(const addrinfo& address) {
  const int fd = socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol);
  if (fd < 0) return -1;
  const int yes = 1, no = 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (address.ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  if (bind(fd, address.ai_addr, address.ai_addrlen) == 0 && listen(fd, kBacklog) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

[[noreturn]] void FailPath(const std::string& path, const std::string& reason, const std::string& remedy) {
  throw std::runtime_error("cannot listen on unix:" + path + ": " + reason + "; " + remedy);
}

int ConnectTo(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  const int error = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  close(fd);
  return error;
}

// What a server that was killed leaves behind refuses connections.
void RemoveLeftOver(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return;
  if (!S_ISSOCK(info.st_mode)) FailPath(path, "something else is there", "choose another path");
  if (ConnectTo(address) == ECONNREFUSED) unlink(path.c_str());
}

constexpr int kFirstPassed = 3;  // SD_LISTEN_FDS_START
constexpr const char* kMetricsName = "metrics";

std::vector<std::string> SplitNames(const char* text) {
  std::vector<std::string> names;
  std::string rest = text == nullptr ? "" : text;
  for (size_t begin = 0; begin <= rest.size();) {
    const size_t end = std::min(rest.find(':', begin), rest.size());
    names.push_back(rest.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

void TakeOver(int fd) {
  int listens = 0, type = 0;
  socklen_t size = sizeof listens, type_size = sizeof type;
  const bool is_socket = getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
                         getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0;
  if (!is_socket || listens == 0 || type != SOCK_STREAM) {
    throw std::runtime_error("descriptor " + std::to_string(fd) +
                             " of LISTEN_FDS is no stream socket that listens; use ListenStream= and Accept=no");
  }
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// Of TCP, without the port.
std::string AddressOf(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET)
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof text);
  else if (address.ss_family == AF_INET6)
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text, sizeof text);
  // An IPv4 client of a socket for both has one address, not two.
  return std::strncmp(text, "::ffff:", 7) == 0 && std::strchr(text, '.') != nullptr ? text + 7 : text;
}

}  // namespace

std::string UnixPathOf(const std::string& host) { return host.starts_with("unix:") ? host.substr(5) : ""; }

int ListenOnPath(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    FailPath(path, "the path is longer than the system allows", "choose one of at most 107 bytes");
  std::memcpy(address.sun_path, path.data(), path.size());
  RemoveLeftOver(path, address);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      listen(fd, kBacklog) == 0)
    return fd;
  const int error = errno;
  if (fd >= 0) close(fd);
  FailPath(path, std::strerror(error),
           error == EADDRINUSE ? "choose another path, or stop the program that holds it"
                               : "make its folder, one that this user may write, or choose another path");
}

std::vector<int> PassedSockets(bool for_metrics, const std::function<const char*(const char*)>& get) {
  std::vector<int> sockets;
  const char* pid = get("LISTEN_PID");
  const char* count = get("LISTEN_FDS");
  if (pid == nullptr || count == nullptr || std::strtol(pid, nullptr, 10) != getpid()) return sockets;
  const std::vector<std::string> names = SplitNames(get("LISTEN_FDNAMES"));
  for (int i = 0; i < std::atoi(count); ++i) {
    const bool is_metrics = i < static_cast<int>(names.size()) && names[i] == kMetricsName;
    if (is_metrics != for_metrics) continue;
    TakeOver(kFirstPassed + i);
    sockets.push_back(kFirstPassed + i);
  }
  return sockets;
}

int ListenOn(const std::string& host, int port, const std::string& option) {
  const Addresses addresses = Resolve(host, port, option);
  int error = 0;
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    const int fd = Bind(*address);
    if (fd >= 0) return fd;
    if (error == 0) error = errno;
  }
  Fail(host, port, std::strerror(error), Remedy(error, port, option));
}

int PortOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return 0;
}

std::string HostOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "unknown";
  if (address.ss_family != AF_UNIX) return AddressOf(address);
  const auto& path = reinterpret_cast<const sockaddr_un&>(address).sun_path;
  const size_t length = size - offsetof(sockaddr_un, sun_path);
  if (length > 0 && path[0] == '\0') return "unix:@" + std::string(path + 1, length - 1);
  return "unix:" + std::string(path, strnlen(path, length));
}

std::string PeerOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "unknown";
  return address.ss_family == AF_UNIX ? "unix" : AddressOf(address);
}

}  // namespace puna::server
