#include "engine/checkpoint/random_checkpoint.h"

#include <doctest/doctest.h>

#include "engine/checkpoint/open_checkpoint.h"
#include "tests/engine/checkpoint/golden.h"
#include "tests/support/throws.h"

using namespace puna::engine;
using puna::engine::testing::ReadAll;
using puna::testing::Contains;
using puna::testing::MessageOf;

TEST_CASE("random: any row can be made alone, and the seed decides") {
  const Checkpoint one = OpenCheckpoint("random:tiny:7");
  const WeightSource& q = *one.layers[1].q_proj.weight;
  const std::vector<float> all = ReadAll(q);
  std::vector<float> row(static_cast<size_t>(q.cols()));
  q.ReadFloat(100, 1, row.data());
  CHECK(std::equal(row.begin(), row.end(), all.begin() + 100 * q.cols()));
  std::vector<bf16> bits(row.size());
  q.ReadBf16(100, 1, bits.data());
  for (size_t i = 0; i < bits.size(); ++i) CHECK(ToFloat(bits[i]) == row[i]);
  CHECK(ReadAll(*OpenCheckpoint("random:tiny:7").layers[1].q_proj.weight) == all);
  CHECK(ReadAll(*OpenCheckpoint("random:tiny").layers[1].q_proj.weight) != all);
  CHECK(ReadAll(*one.layers[0].q_proj.weight) != all);
  CHECK(ReadAll(*one.layers[1].o_proj.weight) != all);
}

TEST_CASE("random: the weights are the same on every machine") {
  std::vector<bf16> row(256);
  OpenCheckpoint("random:tiny").layers[0].gate_proj.weight->ReadBf16(3, 1, row.data());
  uint32_t sum = 0;
  for (const bf16 x : row) sum = sum * 31 + x.bits;
  CHECK(sum == 4157118856u);  // the same recipe in Python
}

TEST_CASE("random: mean 0 and standard deviation 1 / sqrt(cols)") {
  const Checkpoint checkpoint = OpenCheckpoint("random:tiny");
  const WeightSource& embedding = *checkpoint.embed_tokens;
  double sum = 0, squares = 0;
  const std::vector<float> values = ReadAll(embedding);
  for (const float x : values) {
    sum += x;
    squares += static_cast<double>(x) * x;
  }
  const auto n = static_cast<double>(values.size());
  CHECK(std::abs(sum / n) < 1e-3 / 16);
  CHECK(std::abs(std::sqrt(squares / n) * 16 - 1) < 0.01);
}

TEST_CASE("random: shapes of the known models") {
  const Checkpoint three = OpenCheckpoint("random:llama-3.2-3b");
  CHECK(three.config.hidden_size == 3072);
  CHECK(three.layers.size() == 28);
  CHECK(three.layers[0].down_proj.weight->cols() == 8192);
  CHECK(three.layers[0].k_proj.weight->rows() == 1024);
  CHECK(three.embed_tokens->rows() == 128256);
  CHECK(three.lm_head == nullptr);
  CHECK(three.config.rope_scaling->factor == 32);
  CHECK(OpenCheckpoint("random:llama-3.2-1b").config.head_dim == 64);
  CHECK(OpenCheckpoint("random:llama-3.1-8b").lm_head);
}

TEST_CASE("random: names and seeds that there are not") {
  CHECK(Contains(MessageOf([] { OpenCheckpoint("random:gpt-2"); }), "expected one of llama-3.2-1b"));
  for (const char* seed : {"random:tiny:", "random:tiny:x", "random:tiny:-1", "random:tiny:99999999999999999999"}) {
    CHECK(Contains(MessageOf([&] { OpenCheckpoint(seed); }), "seed: expected"));
  }
}
