#include "server/generate/build_request.h"

#include <doctest/doctest.h>

#include "api/json/error.h"
#include "server/generate/prompts.h"
#include "tests/server/service_fixture.h"

namespace puna::server {
namespace {

std::string CodeOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const api::ApiError& error) {
    return error.code() + " " + error.param();
  }
  return "no error";
}

TEST_CASE("defaults: the client's word, then the checkpoint's, then OpenAI's") {
  ServiceOptions options;
  options.generation.temperature = 0.6;
  options.generation.top_p = 0.9;
  options.generation.top_k = 40;
  const ServiceFixture f(options);
  api::Warnings warnings;
  api::SamplingFields fields;
  engine::Request request = BuildRequest(fields, Ids("abc"), "prompt", 5, 0, *f.service, warnings);
  CHECK(request.sampling.temperature == 0.6f);
  CHECK(request.sampling.top_p == 0.9f);
  CHECK(request.sampling.top_k == 40);
  CHECK(request.sampling.min_p == 0);
  CHECK(request.sampling.repetition_penalty == 1);
  CHECK(request.stop.max_new_tokens == 253);
  CHECK(request.stop.end_ids == std::vector<engine::TokenId>{kEnd});
  fields.temperature = 0;
  fields.top_k = 0;
  request = BuildRequest(fields, Ids("abc"), "prompt", 5, 2, *f.service, warnings);
  CHECK(request.sampling.temperature == 0);
  CHECK(request.sampling.top_k == 0);
  CHECK(request.sampling.seed == 7);
  const ServiceFixture plain;
  CHECK(BuildRequest({}, Ids("a"), "prompt", 0, 0, *plain.service, warnings).sampling.temperature == 1);
  options.generation.do_sample = false;
  const ServiceFixture greedy(options);
  CHECK(BuildRequest({}, Ids("a"), "prompt", 0, 0, *greedy.service, warnings).sampling.temperature == 0);
}

TEST_CASE("lengths: the prompt and what is asked for must fit") {
  const ServiceFixture f;
  api::Warnings warnings;
  const auto build = [&](size_t prompt, std::optional<int> max_tokens) {
    api::SamplingFields fields;
    fields.max_tokens = max_tokens;
    return BuildRequest(fields, std::vector<engine::TokenId>(prompt, 65), "messages", 0, 0, *f.service, warnings)
        .stop.max_new_tokens;
  };
  CHECK(build(255, std::nullopt) == 1);
  CHECK(build(255, 1) == 1);
  CHECK(build(256, 0) == 0);
  CHECK(build(1, 255) == 255);
  for (const auto& [prompt, max_tokens] :
       {std::pair<size_t, std::optional<int>>{256, std::nullopt}, {256, 1}, {257, 0}}) {
    CHECK(CodeOf([&, p = prompt, m = max_tokens] { build(p, m); }) == "context_length_exceeded messages");
  }
  CHECK(CodeOf([&] { build(0, 1); }) == "invalid_value messages");
  CHECK(warnings.empty());
  for (const int wanted : {256, 65536}) {  // a bound beyond the room is one all the same
    CHECK(build(1, wanted) == 255);
    CHECK(build(1, wanted) == 255);  // a second choice
  }
  REQUIRE(warnings.texts().size() == 2);
  CHECK(warnings.texts()[1].find("'max_tokens' 65536 is more than there is room for: 255 tokens") == 0);
}

TEST_CASE("ids that the model does not have are named") {
  const ServiceFixture f;
  api::Warnings warnings;
  CHECK(CodeOf([&] { BuildRequest({}, {65, 259}, "prompt", 0, 0, *f.service, warnings); }) == "invalid_value prompt");
  CHECK(CodeOf([&] { BuildRequest({}, {-1}, "prompt", 0, 0, *f.service, warnings); }) == "invalid_value prompt");
  api::SamplingFields fields;
  fields.stop_token_ids = {259};
  CHECK(CodeOf([&] { BuildRequest(fields, {65}, "prompt", 0, 0, *f.service, warnings); }) ==
        "invalid_value stop_token_ids");
  fields.stop_token_ids = {};
  fields.logit_bias = {{259, 1.0}};
  CHECK(CodeOf([&] { BuildRequest(fields, {65}, "prompt", 0, 0, *f.service, warnings); }) ==
        "invalid_value logit_bias");
}

TEST_CASE("ignore_eos leaves the client's own end tokens") {
  const ServiceFixture f;
  api::Warnings warnings;
  api::SamplingFields fields;
  fields.ignore_eos = true;
  fields.stop_token_ids = {66};
  const engine::Request request = BuildRequest(fields, Ids("a"), "prompt", 0, 0, *f.service, warnings);
  CHECK(request.stop.end_ids == std::vector<engine::TokenId>{66});
  CHECK(BuildOutput(fields, request).end_ids == std::vector<engine::TokenId>{66});
}

TEST_CASE("models by name") {
  const ServiceFixture f;
  f.service->model_name = "org/Fake-3B";
  f.service->aliases = {"tiny:latest"};
  const auto served = [&](const std::string& name, bool said) {
    api::Warnings warnings;
    const std::string found = CheckModel(name, *f.service, warnings);
    CHECK(warnings.empty() != said);
    return found;
  };
  CHECK(served("", false) == "org/Fake-3B");
  CHECK(served("org/Fake-3B", false) == "org/Fake-3B");
  CHECK(served("tiny:latest", false) == "tiny:latest");
  CHECK(served("ORG/fake-3b", true) == "org/Fake-3B");
  CHECK(served("org/Fake-3B:latest", true) == "org/Fake-3B");
  CHECK(served("openrouter/org/Fake-3B", true) == "org/Fake-3B");
  CHECK(served("tiny", true) == "tiny:latest");
  CHECK(served("ollama/Tiny", true) == "tiny:latest");
  api::Warnings warnings;
  for (const char* other : {"gpt-4", "Fake-3B", "org/Fake-3B:q4", "xtiny", "tiny/", "/", ":latest", "org/"}) {
    CAPTURE(other);
    CHECK(CodeOf([&] { CheckModel(other, *f.service, warnings); }) == "model_not_found model");
  }
  CHECK(warnings.empty());
}

TEST_CASE("a request is signed with whose it is; the salt of a key stands before its own") {
  HttpRequest http = Post("{}");
  http.caller.tenant = 7;
  http.caller.share = 3;
  http.caller.cache_salt = "of the key/";
  engine::Request request;
  request.cache_salt = "own";
  Sign(http, request);
  CHECK(request.id == "id");
  CHECK(request.tenant == 7);
  CHECK(request.tenant_weight == 3);
  CHECK(request.cache_salt == "of the key/own");
}

TEST_CASE("a text that can never fit is refused before it is taken apart") {
  const ServiceFixture f;
  CHECK_NOTHROW(CheckTextFits(100 << 10, "prompt", *f.service));
  CHECK(CodeOf([&] { CheckTextFits(size_t{1} << 30, "prompt", *f.service); }) == "context_length_exceeded prompt");
}

}  // namespace
}  // namespace puna::server
