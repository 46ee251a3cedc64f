#include "server/http/accept.h"

#include <doctest/doctest.h>

namespace puna::server {
namespace {

TEST_CASE("a name's weight is what the field gives it, 1 where it gives none") {
  CHECK(WeightOf("text/html", "text/html") == 1);
  CHECK(WeightOf("text/html", "application/json, TEXT/HTML ; level=1 ;q=0.5, */*") == 0.5);
  CHECK(WeightOf("gzip", "br;q=1.0,gzip;Q=0") == 0);
}

TEST_CASE("a name that is not there has none, and what is no number weighs nothing") {
  for (const char* field : {"", ",;", "text/htmlx", "*/*", "text/*", "x;text/html"}) {
    CAPTURE(field);
    CHECK_FALSE(WeightOf("text/html", field));
  }
  CHECK(WeightOf("text/html", "text/html;q=") == 0);
  CHECK(WeightOf("text/html", "text/html;q=x") == 0);
}

}  // namespace
}  // namespace puna::server
