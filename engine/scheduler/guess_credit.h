// GuessCredit: what a draft model may cost before it has brought anything, so that whatever it guesses, a text takes little
// longer than without it.
//
// An account in seconds. A few plain steps are there at the beginning, and a small share of all plain time is added. Each step
// pays for the rows of its guesses and for the draft model, what that reads included, and is paid a plain step for each guess
// that came true. Who has no credit guesses nothing. So 256 tokens of one sequence take kFirst + 256 * kShare steps more at
// most, and what a last guess took beyond what was expected of it.
#pragma once

namespace puna::engine {

class GuessCredit {
 public:
  static constexpr double kFirst = 3;      // plain steps
  static constexpr double kShare = 0.004;  // of the time that steps take without guesses
  static constexpr double kMost = 32;      // plain steps: good guesses do not pay for bad ones for ever
  static constexpr int kFirstRead = 12;    // ids that a draft model may read before it is known what that takes

  // A step would have taken `plain` seconds, took `more` because of guesses, and those that came true saved `saved`.
  void Settle(double plain, double more, double saved);

  // A draft model took `seconds` to read so many ids of a text.
  void ObserveRead(int num_ids, double seconds);

  // Whether a guess may be made that takes so long; none before the first step has been settled.
  bool Affords(double seconds) const { return credit_ > 0 && seconds <= credit_; }

  // How many ids of a text a draft model may read now.
  int NumReadable() const;

  double seconds() const { return credit_; }

 private:
  double credit_ = 0;
  bool begun_ = false;
  double id_seconds_ = 0;  // 0: not known
};

}  // namespace puna::engine
