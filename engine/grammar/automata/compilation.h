// One compilation: what it may use, and what it had to leave out.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/grammar/automata/grammar_error.h"

namespace puna::engine {

class Compilation {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Mode {
    kStrict,   // what cannot be enforced ends the compilation with a GrammarError
    kLenient,  // it is left out and told; everything else holds
  };
  struct Loss {
    std::string keyword, path, reason;
  };
  // Units of work, each about 100 ns: a second in all. The bound is the same on every machine, so that what compiles
  // once compiles always; the deadline is the request's.
  static constexpr int64_t kMaxWork = 10'000'000;

  explicit Compilation(Mode mode = Mode::kStrict, Clock::time_point deadline = Clock::time_point::max())
      : mode_(mode), deadline_(deadline) {}
  ~Compilation() {
    if (total_) *total_ -= bytes_;
  }
  Compilation(const Compilation&) = delete;
  Compilation& operator=(const Compilation&) = delete;

  // Throws CompilationLimit when the work or the time is used up.
  void Spend(int64_t work) {
    work_ += work;
    if (work_ >= next_look_) Look();
  }
  // So many bytes more are taken, about, until the compilation has ended: of nodes, states and edges, those included that nothing
  // leads to in the end.
  void Hold(size_t bytes) {
    bytes_ += bytes;
    if (total_) *total_ += bytes;
  }
  // From now on `total` has what this one holds, beside what others hold that share it. Set before anything is built.
  void CountIn(std::shared_ptr<std::atomic<size_t>> total) { total_ = std::move(total); }
  // The keyword at `path` is not enforced. Throws GrammarError when strict; told once for each place.
  void Lose(const std::string& keyword, const std::string& path, const std::string& reason);
  // The same for what no strictness could save, such as a format that contradicts the pattern beside it.
  void Note(const std::string& keyword, const std::string& path, const std::string& reason);

  bool strict() const { return mode_ == Mode::kStrict; }
  // For a part with a strictness of its own.
  void set_mode(Mode mode) { mode_ = mode; }
  const std::vector<Loss>& losses() const { return losses_; }
  // Forgets the losses from the `count`-th on: what they were said of has been left out as a whole.
  void KeepLosses(size_t count) { losses_.resize(count); }
  // Says of those what they belong to, in front of their paths.
  void NameLosses(size_t from, const std::string& where) {
    for (size_t i = from; i < losses_.size(); ++i) losses_[i].path = where + losses_[i].path;
  }
  int64_t work() const { return work_; }

 private:
  void Look();

  Mode mode_;
  Clock::time_point deadline_;
  int64_t work_ = 0, next_look_ = 1;
  size_t bytes_ = 0;
  std::shared_ptr<std::atomic<size_t>> total_;
  std::vector<Loss> losses_;
};

// A keyword and where it stands, for whoever reads what it says.
struct Place {
  std::string keyword, path;
  Compilation& compilation;

  [[noreturn]] void Fail(const std::string& message) const { throw GrammarError(keyword, path, message); }
  void Lose(const std::string& reason) const { compilation.Lose(keyword, path, reason); }
};

}  // namespace puna::engine
