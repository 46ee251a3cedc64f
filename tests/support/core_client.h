// A client of an EngineCore on a fake model: what it asked, what it got, and what it must get.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/engine_core.h"
#include "tests/support/fake_model.h"
#include "tests/support/reference_run.h"

namespace puna::engine {

using Ids = std::vector<TokenId>;
using std::chrono::milliseconds;

struct Client {
  Request asked;  // without stream
  std::optional<TokenReader> reader;
  Answer answer;
  std::optional<Finish> finish;
};

inline Request Copy(const Request& request) {
  Request copy;
  copy.prompt = request.prompt;
  copy.sampling = request.sampling;
  copy.stop = request.stop;
  copy.num_logprobs = request.num_logprobs;
  copy.prompt_logprobs = request.prompt_logprobs;
  copy.prediction = request.prediction;
  copy.pooling = request.pooling;
  copy.tenant = request.tenant;
  copy.tenant_weight = request.tenant_weight;
  copy.priority = request.priority;
  return copy;
}

inline void Submit(EngineCore& core, Client& client) {
  auto stream = std::make_shared<TokenStream>();
  Request request = Copy(client.asked);
  request.stream = stream;
  client.reader.emplace(stream);
  core.Add(std::move(request));
}

inline void CheckEqual(const Client& client, const Answer& expected) {
  CHECK(client.answer.tokens == expected.tokens);
  CHECK(client.answer.logprobs == expected.logprobs);
  CHECK(client.answer.prompt_tokens == expected.prompt_tokens);
  CHECK(client.answer.prompt_logprobs == expected.prompt_logprobs);
  CHECK(client.answer.embedding.size() == expected.embedding.size());
  for (size_t i = 0; i < client.answer.embedding.size(); ++i)
    CHECK(client.answer.embedding[i] == doctest::Approx(expected.embedding[i]).epsilon(1e-6));
  CHECK(client.answer.reason == expected.reason);
  REQUIRE(client.finish);
  CHECK(client.finish->usage.prompt_tokens == static_cast<int>(client.asked.prompt.size()));
  CHECK(client.finish->usage.completion_tokens == static_cast<int>(expected.tokens.size()));
}

inline EngineOptions SmallOptions() {
  EngineOptions options;
  options.num_blocks = 24;
  options.max_num_seqs = 5;
  options.max_num_batched_tokens = 40;
  options.itl_target_ms = 0;  // the walk does not depend on the clock
  options.measured_guesses = false;
  return options;
}

}  // namespace puna::engine
