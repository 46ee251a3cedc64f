// What a request must give, computed without an engine: one token after the other on the fake model's own function.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "engine/request/request.h"
#include "engine/sampling/sampler.h"
#include "tests/support/fake_model.h"

namespace puna::engine {

struct Answer {
  std::vector<TokenId> tokens;
  std::vector<std::optional<Logprobs>> logprobs;         // of each token
  std::vector<TokenId> prompt_tokens;                    // as sent back
  std::vector<std::optional<Logprobs>> prompt_logprobs;  // of each
  std::vector<float> embedding;
  FinishReason reason = FinishReason::kError;
};

inline bool operator==(const TokenLogprob& a, const TokenLogprob& b) { return a.id == b.id && a.logprob == b.logprob; }
inline bool operator==(const Logprobs& a, const Logprobs& b) { return a.logprob == b.logprob && a.top == b.top; }

class ReferenceRun {
 public:
  explicit ReferenceRun(FakeModelOptions options)
      : options_(options), logits_(options.vocab_size), sampler_(options.vocab_size, DetectIsa()) {}

  Answer Run(const Request& request, int max_model_len) {
    Answer answer;
    context_.clear();
    if (request.prompt_logprobs) {
      answer.prompt_tokens = request.prompt;
      answer.prompt_logprobs.emplace_back();
    }
    TokenCounts counts;
    counts.AddPrompt(request.prompt);
    for (size_t i = 0; i < request.prompt.size(); ++i) {
      Read(request.prompt[i]);
      Pool(request, i, answer);
      if (!request.prompt_logprobs || i + 1 == request.prompt.size()) continue;
      answer.prompt_logprobs.push_back(
          sampler_.LogprobsOf(logits_, request.prompt[i + 1], std::max(0, request.num_logprobs)));
    }
    const StopCriteria& stop = request.stop;
    answer.reason = FinishReason::kLength;
    while (static_cast<int>(answer.tokens.size()) < stop.max_new_tokens &&
           static_cast<int>(context_.size()) < max_model_len) {
      const SampledToken drawn = Draw(request, counts, static_cast<int>(answer.tokens.size()));
      answer.tokens.push_back(drawn.id);
      answer.logprobs.push_back(drawn.logprobs);
      counts.AddOutput(drawn.id);
      if (!stop.ignore_eos && std::count(stop.end_ids.begin(), stop.end_ids.end(), drawn.id) > 0) {
        answer.reason = FinishReason::kStop;
        break;
      }
      Read(drawn.id);
    }
    return answer;
  }

 private:
  void Read(TokenId id) {
    context_.push_back({id, static_cast<int>(context_.size())});
    FakeModel::LogitsAfter(context_, options_, logits_.data());
  }

  void Pool(const Request& request, size_t position, Answer& answer) {
    const bool last = position + 1 == request.prompt.size();
    if (request.pooling == Pooling::kNone || (request.pooling == Pooling::kLast && !last)) return;
    std::vector<double>& sum = pooled_;
    if (position == 0 || request.pooling == Pooling::kLast) sum.assign(FakeModel::kHiddenSize, 0);
    const std::vector<float> state = FakeModel::HiddenAfter(context_, options_);
    double squares = 0;
    for (size_t i = 0; i < sum.size(); ++i) squares += (sum[i] += state[i]) * sum[i];
    answer.embedding.clear();
    for (const double value : sum) answer.embedding.push_back(static_cast<float>(value / std::sqrt(squares)));
  }

  SampledToken Draw(const Request& request, const TokenCounts& counts, int num_output) {
    SampleTask task;
    task.params = &request.sampling;
    task.counts = &counts;
    if (num_output < request.stop.min_new_tokens) task.forbidden = request.stop.end_ids;
    task.position = context_.size();
    task.num_logprobs = request.num_logprobs;
    return sampler_.Sample(logits_, task);
  }

  FakeModelOptions options_;
  std::vector<FakeModel::Slot> context_;
  std::vector<float> logits_;
  std::vector<double> pooled_;
  Sampler sampler_;
};

// Adds what has arrived to the answer. True once the end is there.
inline bool Collect(TokenReader& reader, std::chrono::milliseconds timeout, Answer& answer,
                    std::optional<Finish>& finish) {
  for (TokenEvent& event : reader.Wait(timeout)) {
    switch (event.kind) {
      case TokenEvent::Kind::kPromptToken:
        answer.prompt_tokens.push_back(event.id);
        answer.prompt_logprobs.push_back(std::move(event.logprobs));
        break;
      case TokenEvent::Kind::kToken:
        answer.tokens.push_back(event.id);
        answer.logprobs.push_back(std::move(event.logprobs));
        break;
      case TokenEvent::Kind::kEmbedding:
        answer.embedding = std::move(event.embedding);
        break;
      case TokenEvent::Kind::kEnd:
        answer.reason = event.finish->reason;
        finish = std::move(event.finish);
        break;
    }
  }
  return finish.has_value();
}

}  // namespace puna::engine
