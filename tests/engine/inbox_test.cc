#include "engine/inbox.h"

#include <doctest/doctest.h>

namespace puna::engine {
namespace {

bool Put(Inbox& inbox, uint64_t tenant) {
  Request request;
  request.tenant = tenant;
  return inbox.Put(request);
}

TEST_CASE("one tenant takes all places and no more; others find room in the quarter beyond, up to their part") {
  Inbox inbox(8);
  for (int i = 0; i < 8; ++i) CHECK(Put(inbox, 1));
  CHECK_FALSE(Put(inbox, 1));
  CHECK(Put(inbox, 2));
  CHECK(Put(inbox, 3));
  CHECK_FALSE(Put(inbox, 4));
  CHECK(inbox.num_inside() == 10);
  inbox.Left(std::vector<uint64_t>{1, 1});
  CHECK_FALSE(Put(inbox, 1));
  CHECK(Put(inbox, 2));
  CHECK(Put(inbox, 3));
  CHECK_FALSE(Put(inbox, 3));  // 8 places for three: two each
}

TEST_CASE("who has left leaves no trace") {
  Inbox inbox(1);
  for (uint64_t tenant = 0; tenant < 5; ++tenant) {
    CHECK(Put(inbox, tenant));
    inbox.Left(std::span(&tenant, 1));
  }
  CHECK(inbox.num_inside() == 0);
  inbox.Close();
  CHECK_FALSE(Put(inbox, 1));
}

}  // namespace
}  // namespace puna::engine
