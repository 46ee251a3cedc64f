#include "server/http/trusted_proxies.h"

#include <doctest/doctest.h>

#include <stdexcept>

namespace puna::server {
namespace {

RequestHead With(std::vector<HeaderField> fields) {
  RequestHead head;
  head.fields = std::move(fields);
  return head;
}

std::string Through(const TrustedProxies& proxies, const std::string& peer, const std::string& name,
                    const std::string& value) {
  return proxies.ClientOf(peer, With({{name, value}}));
}

TEST_CASE("what a trusted proxy says is believed, from the end backwards, and no further than trust goes") {
  const TrustedProxies proxies({"127.0.0.1", "10.0.0.0/8", "fd00::/8"});
  const auto client = [&](const std::string& peer, const std::string& value) {
    return Through(proxies, peer, "X-Forwarded-For", value);
  };
  CHECK(client("127.0.0.1", "203.0.113.7") == "203.0.113.7");
  CHECK(client("127.0.0.1", "1.1.1.1, 203.0.113.7, 10.9.8.7") == "203.0.113.7");  // 1.1.1.1 is what the client claims
  CHECK(client("203.0.113.9", "1.1.1.1") == "203.0.113.9");
  CHECK(client("127.0.0.1", "10.1.1.1, 10.2.2.2") == "10.1.1.1");
  CHECK(client("fd12::1", "[2001:db8::7]:4711") == "2001:db8::7");
  CHECK(client("127.0.0.1", "203.0.113.7:4711") == "203.0.113.7");
  CHECK(client("127.0.0.1", "203.0.113.7, nonsense") == "127.0.0.1");
  CHECK(client("127.0.0.1", "203.0.113.7, unknown, 10.0.0.1") == "10.0.0.1");
  CHECK(client("127.0.0.1", "") == "127.0.0.1");
  CHECK(client("unix", "1.1.1.1") == "unix");
}

TEST_CASE("Forwarded as RFC 7239 has it, which goes before X-Forwarded-For; several fields are one list") {
  const TrustedProxies proxies({"127.0.0.1", "unix"});
  CHECK(Through(proxies, "127.0.0.1", "Forwarded", "For=\"[2001:db8:cafe::17]:4711\";proto=https") ==
        "2001:db8:cafe::17");
  CHECK(Through(proxies, "unix", "forwarded", "proto=http; for=192.0.2.60;by=203.0.113.43") == "192.0.2.60");
  CHECK(Through(proxies, "unix", "Forwarded", "for=_hidden") == "unix");
  CHECK(Through(proxies, "unix", "Forwarded", "proto=http") == "unix");
  CHECK(proxies.ClientOf("127.0.0.1", With({{"X-Forwarded-For", "1.1.1.1"}, {"Forwarded", "for=2.2.2.2"}})) ==
        "2.2.2.2");
  CHECK(proxies.ClientOf("127.0.0.1", With({{"X-Forwarded-For", "1.1.1.1"}, {"X-Forwarded-For", "2.2.2.2"}})) ==
        "2.2.2.2");
}

TEST_CASE("networks: bits that are no multiple of eight, all addresses, and what is none") {
  const TrustedProxies proxies({"192.168.16.0/20"});
  CHECK(Through(proxies, "192.168.31.255", "X-Forwarded-For", "1.1.1.1") == "1.1.1.1");
  CHECK(Through(proxies, "192.168.32.0", "X-Forwarded-For", "1.1.1.1") == "192.168.32.0");
  const TrustedProxies all({"0.0.0.0/0", "::/0"});
  CHECK(Through(all, "198.51.100.1", "X-Forwarded-For", "1.1.1.1") == "1.1.1.1");
  for (const char* wrong : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "proxy", "fd00::/129", ""}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(TrustedProxies({wrong}), std::runtime_error);
  }
}

}  // namespace
}  // namespace puna::server
