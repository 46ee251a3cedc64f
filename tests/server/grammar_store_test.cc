#include "server/grammar_store.h"

#include <doctest/doctest.h>

#include "engine/grammar/grammar_constraint.h"
#include "tests/server/byte_tokenizer.h"

namespace puna::server {
namespace {

std::vector<engine::TokenId> Allowed(engine::GrammarConstraint& constraint) {
  std::vector<uint64_t> mask(kPythonTag / 64 + 1, ~uint64_t{0});
  constraint.MaskNext(mask);
  std::vector<engine::TokenId> ids;
  for (engine::TokenId id = 0; id <= kPythonTag; ++id) {
    if (mask[id / 64] >> (id % 64) & 1) ids.push_back(id);
  }
  return ids;
}

// The longest token is one byte here: masks must see beyond it.
TEST_CASE("a call is written with a vocabulary of single bytes") {
  const engine::Tokenizer tokenizer = ByteTokenizer();
  GrammarStore store(tokenizer, kPythonTag + 1);
  api::ToolSpec tool;
  tool.name = "f";
  tool.parameters = R"({"type": "object", "properties": {}, "additionalProperties": false})";
  const auto grammar = store.FindCalls({tool}, api::ToolFormat::kLlama, /*parallel=*/false);
  CHECK(store.FindCalls({tool}, api::ToolFormat::kLlama, false) == grammar);  // compiled once
  engine::GrammarConstraint constraint(grammar, store.masks(), {kEnd});
  for (const engine::TokenId id : Ids(R"({"name": "f", "parameters": {}})")) {
    CHECK(Allowed(constraint) == std::vector{id});
    constraint.Accept(id);
  }
  CHECK(Allowed(constraint) == std::vector{kEnd});
}

}  // namespace
}  // namespace puna::server
