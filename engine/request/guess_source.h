// Where guesses about a sequence's next ids come from, and what came of them.
#pragma once

#include <array>
#include <cstdint>

namespace puna::engine {

enum class GuessSource : uint8_t {
  kPrediction,  // what the client expects (Request::prediction)
  kGrammar,     // the only text that the request's grammar leaves
  kLookup,      // the sequence's own prompt and answer
  kRemembered,  // finished answers of the same tenant
  kDraft,       // a small model beside the model
};
inline constexpr int kNumGuessSources = 5;
inline constexpr std::array<const char*, kNumGuessSources> kGuessSourceNames = {"prediction", "grammar", "lookup",
                                                                                "remembered", "draft"};

struct GuessCount {
  int proposed = 0;  // ids that were computed
  int accepted = 0;  // of them, those that were drawn
};

// By source.
using GuessCounts = std::array<GuessCount, kNumGuessSources>;

// The same of all requests, and how often the guess at each place of its source's part came true; further ones count as
// the last.
struct GuessTally {
  uint64_t drafts = 0;  // times that the source guessed
  uint64_t proposed = 0, accepted = 0;
  std::array<uint64_t, 16> accepted_at = {};
};
using GuessTallies = std::array<GuessTally, kNumGuessSources>;

// What a request lets be guessed. It changes the speed, never the answer.
struct GuessOptions {
  uint8_t sources = (1 << kNumGuessSources) - 1;  // bit i: source i
  int max_ids = 1 << 20;                          // guessed at once

  bool Allows(GuessSource source) const { return (sources >> static_cast<int>(source) & 1) != 0; }
};

}  // namespace puna::engine
