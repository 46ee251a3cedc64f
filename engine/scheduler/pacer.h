// Pacer: how many prompt tokens fit into a step beside running streams, so that those keep their pace. It learns from
// measured step times, whoever measures them; it has no clock.
//
// The model is a step of so many prompt tokens = a quiet step (nothing but decoding, by as many) + tokens x price. Both
// are running averages around the present working point, so they follow a growing context and another batch. A step
// that somebody else on the machine held up says little about the next, so a measurement far off the average counts as
// near it; several in a row on one side count as further and further off.
#pragma once

#include <map>

namespace puna::engine {

class Pacer {
 public:
  static constexpr int kMinChunk = 8;     // a prompt moves on
  static constexpr int kQuietEvery = 48;  // steps beside streams; then a quiet one, to learn what that costs now
  static constexpr double kQuietStepsTarget = 2.4;  // the automatic target, in quiet steps

  // target_seconds of a step: 0 = no pace, throughput first; negative = automatic, kQuietStepsTarget quiet steps.
  explicit Pacer(double target_seconds) : target_(target_seconds) {}

  // Prompt tokens for the next step, at most `limit`; 0 only beside others. num_decode: tokens that are decoded in it.
  int MaxPromptTokens(int limit, int num_decode) const;

  // What a step beside `num_decode` decoding tokens may take; 0: no pace, or nothing is known yet.
  double TargetSeconds(int num_decode) const;

  // What a step of so many tokens would take, with num_guesses rows more; beside a prompt each of those costs what a
  // prompt token does. 0: not known yet.
  double StepSeconds(int num_prompt, int num_decode, int num_guesses) const;

  // Whether a step without a prompt in which so many decode has been measured, and the most rows of such a step that was.
  bool HasMeasured(int num_decode) const { return quiet_.contains(num_decode); }
  int MostMeasured() const { return quiet_.empty() ? 0 : quiet_.rbegin()->first; }

  // A step took `seconds`; num_prompt of its tokens were of prompts, the others decoded.
  void Observe(int num_prompt, int num_decode, double seconds);

 private:
  struct Average {
    double value = 0;  // 0: not known yet
    int count = 0;
    int streak = 0;  // measurements in a row that were far above it, or minus those far below
    void Add(double measured);
  };

  double QuietSeconds(int num_decode) const;

  double target_;
  std::map<int, Average> quiet_;  // seconds of a quiet step, by how many decode
  Average price_;                 // seconds a prompt token
  int last_chunk_ = 0;
  int since_quiet_ = 0;  // steps with prompts and streams since the last quiet one
};

}  // namespace puna::engine
