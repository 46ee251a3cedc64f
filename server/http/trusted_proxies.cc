#include "server/http/trusted_proxies.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>
#include <stdexcept>

namespace puna::server {
namespace {

constexpr int kIpv4Bits = 96;  // of the prefix of an IPv4 address among those of IPv6

// "1.2.3.4:80", "[::1]:80", "::1", with or without quotes: the address alone.
std::string WithoutPort(std::string text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  if (!text.empty() && text.front() == '[') return text.substr(1, text.find(']') - 1);
  const bool has_port = text.find(':') != std::string::npos && text.find(':') == text.rfind(':');
  return has_port ? text.substr(0, text.find(':')) : text;
}

// Of "for=1.2.3.4;proto=https" the value of for; empty when there is none.
std::string ForOf(const std::string& element) {
  for (size_t begin = 0; begin < element.size();) {
    const size_t end = std::min(element.find(';', begin), element.size());
    size_t at = begin;
    while (at < end && (element[at] == ' ' || element[at] == '\t')) ++at;
    if (end - at > 4 && EqualsIgnoringCase(element.substr(at, 4), "for="))
      return WithoutPort(element.substr(at + 4, end - at - 4));
    begin = end + 1;
  }
  return {};
}

}  // namespace

std::optional<TrustedProxies::Bytes> TrustedProxies::Parse(const std::string& address) {
  Bytes bytes{};
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return bytes;
  bytes.fill(0);
  bytes[10] = bytes[11] = 0xff;
  if (inet_pton(AF_INET, address.c_str(), bytes.data() + 12) == 1) return bytes;
  return std::nullopt;
}

TrustedProxies::TrustedProxies(const std::vector<std::string>& networks) {
  for (const std::string& text : networks) {
    if (text == "unix") {
      trusts_unix_ = true;
      continue;
    }
    const size_t slash = text.find('/');
    const std::optional<Bytes> address = Parse(text.substr(0, slash));
    const bool is_ipv4 = text.find(':') == std::string::npos;
    const int most = is_ipv4 ? 32 : 128;
    int bits = most;
    bool fits = address.has_value();
    if (slash != std::string::npos) {
      const char *first = text.data() + slash + 1, *last = text.data() + text.size();
      const auto read = std::from_chars(first, last, bits);
      fits = fits && read.ec == std::errc() && read.ptr == last && bits >= 0 && bits <= most;
    }
    if (!fits)
      throw std::runtime_error("trusted_proxies: found \"" + text +
                               "\", expected an address, a network such as 10.0.0.0/8, or unix");
    networks_.push_back({*address, is_ipv4 ? kIpv4Bits + bits : bits});
  }
}

bool TrustedProxies::Trusts(const std::string& address) const {
  if (address == "unix") return trusts_unix_;
  const std::optional<Bytes> bytes = Parse(address.substr(0, address.find('%')));
  if (!bytes) return false;
  for (const Network& network : networks_) {
    const size_t whole = static_cast<size_t>(network.bits / 8);
    const int mask = (0xff00 >> (network.bits % 8)) & 0xff;
    const bool same = std::memcmp(bytes->data(), network.address.data(), whole) == 0 &&
                      (mask == 0 || (((*bytes)[whole] ^ network.address[whole]) & mask) == 0);
    if (same) return true;
  }
  return false;
}

// Who connected to whom: the client first, as far as is said.
std::vector<std::string> TrustedProxies::Hops(const RequestHead& head) {
  std::vector<std::string> hops;
  for (const std::string& element : head.Members("Forwarded")) hops.push_back(ForOf(element));
  if (!hops.empty()) return hops;
  for (const std::string& element : head.Members("X-Forwarded-For")) hops.push_back(WithoutPort(element));
  return hops;
}

std::string TrustedProxies::ClientOf(const std::string& peer, const RequestHead& head) const {
  if (!Trusts(peer)) return peer;
  std::vector<std::string> hops = Hops(head);
  std::string client = peer;
  while (!hops.empty() && Trusts(client)) {
    if (!Parse(hops.back())) break;  // "unknown", or a name that the proxy hides behind
    client = std::move(hops.back());
    hops.pop_back();
  }
  return client;
}

}  // namespace puna::server
