// Pacer: how many prompt tokens fit into a step beside running streams, so that those keep their pace. It learns from measured
// step times, whoever measures them; it has no clock.
//
// The model is a step of so many prompt tokens = a quiet step (nothing but decoding, by as many) + tokens x price. Both are
// running averages around the present working point, so they follow a growing context and another batch.
#pragma once

#include <map>

namespace puna::engine {

class Pacer {
 public:
  static constexpr int kMinChunk = 8;               // a prompt always moves on
  static constexpr double kQuietStepsTarget = 2.35;  // the automatic target, in quiet steps

  // target_seconds of a step: 0 = no pace, throughput first; negative = automatic, kQuietStepsTarget quiet steps.
  explicit Pacer(double target_seconds) : target_(target_seconds) {}

  // Prompt tokens for the next step, at most `limit`. num_decode: tokens that are decoded in it.
  int MaxPromptTokens(int limit, int num_decode) const;

  // A step took `seconds`; num_prompt of its tokens were of prompts, the others decoded.
  void Observe(int num_prompt, int num_decode, double seconds);

 private:
  double QuietSeconds(int num_decode) const;

  double target_;
  std::map<int, double> quiet_;  // seconds of a quiet step, by how many decode
  double price_ = 0;             // seconds a prompt token; 0 = not known yet
  int last_chunk_ = 0;
};

}  // namespace puna::engine
