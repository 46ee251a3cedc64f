// What benchmarks in process are made of: requests of random ids, and readers that note when each token came.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "engine/base/mutex.h"
#include "engine/engine.h"

namespace puna::server {

double SecondsNow();  // of the steady clock

int64_t ResidentBytes();  // of this process, now

std::vector<engine::TokenId> RandomIds(int count, int vocab_size, std::mt19937& rng);

// Draws exactly new_tokens ids: greedily, or at temperature 1 from `seed`.
engine::Request BenchRequest(std::vector<engine::TokenId> prompt, int new_tokens, std::optional<uint64_t> seed = {});

// One client: a thread that waits for tokens as an HTTP thread does. Destruction hangs up.
class BenchStream {
 public:
  // Throws std::runtime_error when the engine takes no request.
  BenchStream(engine::Engine& engine, engine::Request request);
  ~BenchStream();
  BenchStream(const BenchStream&) = delete;

  double submitted() const { return submitted_; }

  // When each token came, so far.
  std::vector<double> Times() const;

  // Wait until there are so many tokens, or until the end, whichever is first. Throws std::runtime_error when the
  // sequence failed.
  void AwaitTokens(int count) const;
  engine::Usage AwaitEnd() const;

 private:
  void Read();

  const double submitted_ = SecondsNow();
  engine::TokenReader reader_;
  mutable engine::Mutex mutex_;
  std::vector<double> times_ PUNA_GUARDED_BY(mutex_);
  std::optional<engine::Finish> finish_ PUNA_GUARDED_BY(mutex_);
  std::jthread thread_;
};

// Pauses between tokens that came in [from, to), of all streams.
std::vector<double> GapsBetween(const std::vector<std::vector<double>>& times, double from, double to);

}  // namespace puna::server
