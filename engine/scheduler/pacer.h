// Pacer: how many prompt tokens fit into a step beside running streams, so that those keep their pace. It learns from measured
// step times, whoever measures them; it has no clock.
//
// The model is a step of so many prompt tokens = a quiet step (nothing but decoding) + tokens x price. Both are running
// averages around the present working point, so they follow a growing context and another batch.
#pragma once

namespace puna::engine {

class Pacer {
 public:
  static constexpr int kMinChunk = 16;            // a prompt always moves on
  static constexpr double kQuietStepsTarget = 2.2;  // the automatic target, in quiet steps

  // target_seconds of a step: 0 = no pace, throughput first; negative = automatic, kQuietStepsTarget quiet steps.
  explicit Pacer(double target_seconds) : target_(target_seconds) {}

  // Prompt tokens for the next step, at most `limit`. num_decode: sequences that decode in it.
  int MaxPromptTokens(int limit, int num_decode) const;

  // A step took `seconds`; num_prompt of its tokens were of prompts, the others decoded.
  void Observe(int num_prompt, int num_decode, double seconds);

 private:
  double target_;
  double quiet_ = 0;  // seconds; 0 = not known yet
  double price_ = 0;  // seconds a prompt token
  int last_chunk_ = 0;
};

}  // namespace puna::engine
