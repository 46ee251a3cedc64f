// GuessBudget: how much is guessed in a step, from what was measured and nothing else. No clock: others measure.
//
// A guess costs a row of the step, and those of a draft model its own passes; it brings a token when it and all guesses
// before it come true. So the guesses of all sequences are taken in the order of their chances, and of the beginnings of
// that order the one is kept under which most tokens a second come out: (sequences + sum of chances) / (step + drafts).
// No guess at all is an ordinary outcome. Nothing is guessed before a step without guesses was measured, and steps with more
// than twice the rows that ever were are not risked.
//
// The chance of a guess is the product of shares along its chain: for each source, how closely it agreed and the place in its
// part, how often a guess came true whose predecessors did. A sequence starts from what others had and soon goes by its
// own. Where nothing is guessed nothing is learnt, so it is tried again, after kFirstRetry ids, then after twice as many,
// up to kLastRetry.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "engine/request/guess_source.h"
#include "engine/scheduler/pacer.h"

namespace puna::engine {

// One guess of a chain: where it comes from, its place in that source's part, and how closely that agreed.
struct GuessLink {
  GuessSource source = GuessSource::kLookup;
  int place = 0;
  int agreement = 0;
};

// How often something happened, the last times counting most.
struct GuessShare {
  float value = 0;
  float weight = 0;
  void Add(bool happened, float most);
};

class GuessBudget {
 public:
  static constexpr int kMaxPlaces = 16;
  static constexpr int kFirstRetry = 32, kLastRetry = 512;

  // What came of one sequence's guesses.
  struct Record {
    std::array<std::array<GuessShare, kMaxPlaces>, kNumGuessSources> shares{};
    int quiet = 0;  // steps since it last guessed
    int retry = kFirstRetry;
  };

  // Of one sequence: what may be guessed. The first num_made are there, the others a draft model would make.
  struct Chain {
    Record* record = nullptr;
    std::span<const GuessLink> links;
    int num_made = 0;
    int num_chosen = 0;  // the answer
  };

  struct Step {
    int num_decode = 0;  // tokens without guesses
    int num_prompt = 0;
    int max_rows = 0;  // of guesses
  };
  // Fills in num_chosen. pacer: what steps cost; null: nobody minds, and all is guessed for which there are rows.
  void Choose(std::span<Chain> chains, const Step& step, const Pacer* pacer) const;

  // How many of these would come true on average.
  double Expect(const Record& record, std::span<const GuessLink> links) const;

  // The first num_accepted came true, the next did not, and what is behind it says nothing.
  void Observe(Record& record, std::span<const GuessLink> links, int num_accepted);

  // A draft model took `seconds` in so many passes. one_pass: it needs no more, however much it guesses.
  void ObserveDraft(int num_passes, bool one_pass, double seconds);
  double draft_pass_seconds() const { return pass_seconds_; }  // 0: not known

 private:
  static constexpr int kCloseness = 4;  // classes of agreement
  struct Candidate {
    double chance;
    int chain, place;
    bool made;
  };
  static int ClassOf(int agreement);
  double Share(const Record& record, const GuessLink& link) const;
  double DraftSeconds(int most_made) const;
  void ChooseByRate(std::span<Chain> chains, const Step& step, const Pacer& pacer) const;
  void TryAgain(std::span<Chain> chains, int rows_left) const;
  double BestCut(std::span<const Candidate> order, const Step& step, double alone, const Pacer& pacer,
                 size_t& best) const;

  std::array<std::array<std::array<GuessShare, kMaxPlaces>, kCloseness>, kNumGuessSources> all_{};
  double pass_seconds_ = 0;  // 0: not known
  bool one_pass_ = false;
};

}  // namespace puna::engine
