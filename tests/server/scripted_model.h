// A model that says what the test tells it to.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tests/server/byte_tokenizer.h"
#include "tests/support/fake_model.h"

namespace puna::server {

// Writes `script`, byte after byte, then the end token; where something forbids a byte, anything else
// may come in its place. One request at a time.
class ScriptedModel : public engine::FakeModel {
 public:
  ScriptedModel(const std::string& script, std::chrono::microseconds step_time)
      : FakeModel(Options(step_time)), script_(script) {}

  engine::MatView<const float> Forward(const engine::ForwardInput& input) override {
    const auto logits = FakeModel::Forward(input);
    scores_.assign(logits.data, logits.data + logits.rows * logits.cols);
    for (int64_t row = 0; row < logits.rows; ++row) {
      const engine::SequenceChunk& chunk = input.sequences[0];
      const int length = chunk.num_computed + input.logits_rows[row] - chunk.first_token + 1;
      if (!GoesOn(input, chunk)) begin_ = length;
      last_ = length;
      const size_t at = length - begin_;
      const int next = at < script_.size() ? static_cast<unsigned char>(script_[at]) : kEnd;
      scores_[row * logits.cols + next] = 100;
    }
    return {scores_.data(), logits.rows, logits.cols};
  }

 private:
  // Whether the step is of the same sequence: one token more, or several that were forced and are the script's.
  bool GoesOn(const engine::ForwardInput& input, const engine::SequenceChunk& chunk) const {
    if (chunk.num_computed != last_) return false;
    bool same = last_ >= begin_;
    for (int i = 0; same && chunk.num_tokens > 1 && i < chunk.num_tokens; ++i) {
      const size_t at = static_cast<size_t>(last_ - begin_ + i);
      same = at < script_.size() && input.token_ids[chunk.first_token + i] == static_cast<unsigned char>(script_[at]);
    }
    return same;
  }

  static engine::FakeModelOptions Options(std::chrono::microseconds step_time) {
    engine::FakeModelOptions options;
    options.vocab_size = kPythonTag + 1;
    options.step_time = step_time;
    return options;
  }

  const std::string script_;
  int begin_ = 0;  // tokens of the prompt
  int last_ = 0;
  std::vector<float> scores_;
};

}  // namespace puna::server
