#include "server/host/loopback.h"

#include <doctest/doctest.h>

namespace puna::server {
namespace {

TEST_CASE("what is this machine alone, and what only looks like it") {
  for (const char* host : {"localhost", "127.0.0.1", "127.8.9.10", "::1", "[::1]", "::ffff:127.0.0.1"}) {
    CAPTURE(host);
    CHECK(IsLoopback(host));
  }
  for (const char* host : {"", "0.0.0.0", "::", "[::]", "127.example.com", "127.", "128.0.0.1", "::ffff:10.0.0.1",
                           "localhost.example.com", "unix:/run/puna.sock", "mybox"}) {
    CAPTURE(host);
    CHECK_FALSE(IsLoopback(host));
  }
}

}  // namespace
}  // namespace puna::server
