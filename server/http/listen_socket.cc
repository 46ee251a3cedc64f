#include "server/http/listen_socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
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

}  // namespace

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

std::string PeerOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char text[INET6_ADDRSTRLEN] = "";
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "unknown";
  if (address.ss_family == AF_INET)
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof text);
  else if (address.ss_family == AF_INET6)
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text, sizeof text);
  else
    return "unix";
  // An IPv4 client of a socket for both has one address, not two.
  return std::strncmp(text, "::ffff:", 7) == 0 && std::strchr(text, '.') != nullptr ? text + 7 : text;
}

}  // namespace puna::server
