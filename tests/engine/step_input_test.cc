#include "engine/step_input.h"

#include <doctest/doctest.h>

#include <vector>

#include "engine/kv_cache/block_pool.h"

namespace puna::engine {
namespace {

Request MakeRequest(std::vector<TokenId> prompt) {
  Request request;
  request.prompt = std::move(prompt);
  return request;
}

TEST_CASE("items are laid one behind the other, guesses behind known tokens, rows at the end of each") {
  BlockPool pool(10, true);
  Sequence decoding(MakeRequest({1, 2, 3}), 0, pool), prompt(MakeRequest({10, 11, 12, 13, 14, 15}), 1, pool);
  decoding.num_computed = 2;
  decoding.draft = {50, 51};
  decoding.table.Grow(5);
  prompt.num_computed = 1;
  prompt.table.Grow(6);
  BatchPlan plan;
  plan.items = {{&decoding, 2, 3, 2, 3}, {&prompt, 1, 4, 0, 0}};
  plan.num_decode_tokens = 3;
  plan.num_prompt_tokens = 4;
  const StepInput input = BuildStepInput(plan);
  CHECK(input.token_ids == std::vector<TokenId>{3, 50, 51, 11, 12, 13, 14});
  CHECK(input.logits_rows == std::vector<int32_t>{0, 1, 2});
  const ForwardInput view = input.view();
  REQUIRE(view.sequences.size() == 2);
  CHECK(view.sequences[0].first_token == 0);
  CHECK(view.sequences[0].num_tokens == 3);
  CHECK(view.sequences[0].num_computed == 2);
  CHECK(view.sequences[0].block_table.size() == 1);
  CHECK(view.sequences[1].first_token == 3);
  CHECK(view.sequences[1].num_tokens == 4);
  CHECK(view.sequences[1].num_computed == 1);
  CHECK(view.sequences[1].block_table[0] == 1);
}

}  // namespace
}  // namespace puna::engine
