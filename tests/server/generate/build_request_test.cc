#include "server/generate/build_request.h"

#include <doctest/doctest.h>

#include "api/json/error.h"
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
  api::SamplingFields fields;
  engine::Request request = BuildRequest(fields, Ids("abc"), "prompt", 5, 0, *f.service);
  CHECK(request.sampling.temperature == 0.6f);
  CHECK(request.sampling.top_p == 0.9f);
  CHECK(request.sampling.top_k == 40);
  CHECK(request.sampling.min_p == 0);
  CHECK(request.sampling.repetition_penalty == 1);
  CHECK(request.stop.max_new_tokens == 253);
  CHECK(request.stop.end_ids == std::vector<engine::TokenId>{kEnd});
  fields.temperature = 0;
  fields.top_k = 0;
  request = BuildRequest(fields, Ids("abc"), "prompt", 5, 2, *f.service);
  CHECK(request.sampling.temperature == 0);
  CHECK(request.sampling.top_k == 0);
  CHECK(request.sampling.seed == 7);
  const ServiceFixture plain;
  CHECK(BuildRequest({}, Ids("a"), "prompt", 0, 0, *plain.service).sampling.temperature == 1);
  options.generation.do_sample = false;
  const ServiceFixture greedy(options);
  CHECK(BuildRequest({}, Ids("a"), "prompt", 0, 0, *greedy.service).sampling.temperature == 0);
}

TEST_CASE("lengths: the prompt and what is asked for must fit") {
  const ServiceFixture f;
  const auto build = [&](size_t prompt, std::optional<int> max_tokens) {
    api::SamplingFields fields;
    fields.max_tokens = max_tokens;
    return BuildRequest(fields, std::vector<engine::TokenId>(prompt, 65), "messages", 0, 0, *f.service)
        .stop.max_new_tokens;
  };
  CHECK(build(255, std::nullopt) == 1);
  CHECK(build(255, 1) == 1);
  CHECK(build(256, 0) == 0);
  CHECK(build(1, 255) == 255);
  for (const auto& [prompt, max_tokens] :
       {std::pair<size_t, std::optional<int>>{256, std::nullopt}, {256, 1}, {257, 0}, {1, 256}}) {
    CHECK(CodeOf([&, p = prompt, m = max_tokens] { build(p, m); }) == "context_length_exceeded messages");
  }
  CHECK(CodeOf([&] { build(0, 1); }) == "invalid_value messages");
}

TEST_CASE("ids that the model does not have are named") {
  const ServiceFixture f;
  CHECK(CodeOf([&] { BuildRequest({}, {65, 259}, "prompt", 0, 0, *f.service); }) == "invalid_value prompt");
  CHECK(CodeOf([&] { BuildRequest({}, {-1}, "prompt", 0, 0, *f.service); }) == "invalid_value prompt");
  api::SamplingFields fields;
  fields.stop_token_ids = {259};
  CHECK(CodeOf([&] { BuildRequest(fields, {65}, "prompt", 0, 0, *f.service); }) == "invalid_value stop_token_ids");
  fields.stop_token_ids = {};
  fields.logit_bias = {{259, 1.0}};
  CHECK(CodeOf([&] { BuildRequest(fields, {65}, "prompt", 0, 0, *f.service); }) == "invalid_value logit_bias");
}

TEST_CASE("ignore_eos leaves the client's own end tokens") {
  const ServiceFixture f;
  api::SamplingFields fields;
  fields.ignore_eos = true;
  fields.stop_token_ids = {66};
  const engine::Request request = BuildRequest(fields, Ids("a"), "prompt", 0, 0, *f.service);
  CHECK(request.stop.end_ids == std::vector<engine::TokenId>{66});
  CHECK(BuildOutput(fields, request).end_ids == std::vector<engine::TokenId>{66});
}

TEST_CASE("models by name") {
  const ServiceFixture f;
  CHECK_NOTHROW(CheckModel("", *f.service));
  CHECK_NOTHROW(CheckModel("fake", *f.service));
  CHECK(CodeOf([&] { CheckModel("gpt-4", *f.service); }) == "model_not_found model");
}

}  // namespace
}  // namespace puna::server
