#include "server/convert/quality.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "engine/checkpoint/open_checkpoint.h"
#include "engine/model/llama.h"

namespace puna::server {
namespace {

using engine::TokenId;

std::unique_ptr<engine::Model> Load(const std::string& name, std::optional<engine::WeightFormat> weights) {
  return LoadLlama(engine::OpenCheckpoint(name), {weights, engine::DetectIsa(), 1, kQualityChunk}, {});
}

std::vector<std::vector<TokenId>> Sequences(int vocab) {
  std::vector<std::vector<TokenId>> sequences;
  for (const int length : {2, 70, 129}) {
    std::vector<TokenId>& ids = sequences.emplace_back();
    for (int i = 0; i < length; ++i) ids.push_back((i * 31 + length) % vocab);
  }
  return sequences;
}

TEST_CASE("a model is no distance from itself, and its perplexity is that of its own logits") {
  const auto a = Load("random:tiny", engine::WeightFormat::kBf16);
  const auto b = Load("random:tiny", engine::WeightFormat::kBf16);
  const auto sequences = Sequences(a->vocab_size());
  ReserveFor(*a, sequences);
  ReserveFor(*b, sequences);
  const Quality same = CompareModels(*a, *b, sequences, {});
  CHECK(same.tokens == 1 + 69 + 128);
  CHECK(same.mean_kl == doctest::Approx(0).epsilon(1e-9));
  CHECK(same.top1_agreement == 1);
  CHECK(same.perplexity == same.reference_perplexity);

  double loss = 0;
  for (const auto& ids : sequences) {  // whole sequences at once, against chunks
    std::vector<engine::BlockId> table((ids.size() + engine::kBlockSize - 1) / engine::kBlockSize);
    std::iota(table.begin(), table.end(), 0);
    for (size_t t = 0; t + 1 < ids.size(); ++t) {
      const engine::SequenceChunk chunk{0, 1, static_cast<int>(t), table};
      const int32_t row = 0;
      const auto logits = a->Forward({{&ids[t], 1}, {&chunk, 1}, {&row, 1}});
      double sum = 0;
      for (int64_t i = 0; i < logits.cols; ++i) sum += std::exp(double{logits.data[i]});
      loss += std::log(sum) - logits.data[ids[t + 1]];
    }
  }
  CHECK(same.perplexity == doctest::Approx(std::exp(loss / static_cast<double>(same.tokens))).epsilon(1e-6));
}

TEST_CASE("fewer bits are further away") {
  const auto exact = Load("random:tiny", engine::WeightFormat::kBf16);
  const auto sequences = Sequences(exact->vocab_size());
  ReserveFor(*exact, sequences);
  double last = 1e-7;
  for (const auto format : {engine::WeightFormat::kW8A8, engine::WeightFormat::kW4A8}) {
    const auto rounded = Load("random:tiny", format);
    ReserveFor(*rounded, sequences);
    const Quality quality = CompareModels(*exact, *rounded, sequences, {});
    CHECK(quality.mean_kl > 3 * last);
    CHECK(quality.top1_agreement < 1);
    last = quality.mean_kl;
  }
}

}  // namespace
}  // namespace puna::server
