#include "server/http/access_log.h"

#include <doctest/doctest.h>

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
  CHECK(ToJson(line).rfind(R"({"id":"req_1","method":"POST",)", 0) == 0);
}

}  // namespace
}  // namespace puna::server
