#include "server/http/access_log.h"

#include <doctest/doctest.h>

#include <new>

#include "tests/support/failing_allocations.h"

namespace puna::server {
namespace {

TEST_CASE("an access line holds what is known, and no client can forge another") {
  AccessLine line;
  line.id = "req_1";
  line.method = "POST";
  line.path = "/v1/x\nlevel=error";
  line.status = 200;
  line.seconds = 0.01234;
  CHECK(ToText(line) == "id=req_1 method=POST path=\"/v1/x\\nlevel=error\" status=200 ms=12.3");
  line.path = "/v1/chat/completions";
  line.stream = true;
  line.prompt_tokens = 12;
  line.cached_tokens = 0;
  line.completion_tokens = 3;
  line.queue_seconds = 0;
  line.prefill_seconds = 0.0056;
  line.finish = "client left";
  CHECK(ToText(line) ==
        "id=req_1 method=POST path=/v1/chat/completions status=200 ms=12.3 stream=true "
        "prompt_tokens=12 cached_tokens=0 "
        "completion_tokens=3 queue_ms=0.0 prefill_ms=5.6 finish=\"client left\"");
  line.user = "ann\n";
  CHECK(ToJson(line) ==
        R"({"id":"req_1","method":"POST","path":"/v1/chat/completions","status":200,"ms":12.3,"stream":true,)"
        R"("prompt_tokens":12,"cached_tokens":0,"completion_tokens":3,"queue_ms":0.0,"prefill_ms":5.6,)"
        R"("finish":"client left","user":"ann\n"})");
}

TEST_CASE("a line for which there is no memory is not written, wherever it ends, and takes none to go") {
  AccessLine line;
  line.id = "req_that_fits_in_no_small_place";
  line.path = "/v1/chat/completions";
  line.finish = "client left";
  line.client = "2001:db8:1234:5678:9abc:def0:1234:5678";
  for (const auto& write : {ToText, ToJson}) {
    uint64_t skip = 0;
    for (bool failed = true; failed; ++skip) {
      failed = false;
      try {
        const testing::FailingAllocations faults(
            {.skip = skip, .count = 1'000'000, .of = testing::AllocationFaults::Of::kOwnThread});
        write(line);
      } catch (const std::bad_alloc&) {
        failed = true;
      }
    }
    CHECK(skip > 5);
  }
}

}  // namespace
}  // namespace puna::server
