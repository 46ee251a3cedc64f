#include "engine/grammar/automata/compilation.h"

#include <algorithm>

namespace puna::engine {

void Compilation::Look() {
  constexpr int64_t kBetweenLooks = 20'000;
  next_look_ = work_ + kBetweenLooks;
  if (work_ > kMaxWork)
    throw CompilationLimit("schema", "#", "it takes more work to compile than one request may cause");
  if (Clock::now() > deadline_)
    throw CompilationLimit("schema", "#", "the request's time was over before it was compiled");
}

void Compilation::Lose(const std::string& keyword, const std::string& path, const std::string& reason) {
  if (strict()) throw GrammarError(keyword, path, reason);
  Note(keyword, path, reason);
}

void Compilation::Note(const std::string& keyword, const std::string& path, const std::string& reason) {
  constexpr size_t kMaxLosses = 1000;
  const bool told = std::any_of(losses_.begin(), losses_.end(),
                                [&](const Loss& loss) { return loss.keyword == keyword && loss.path == path; });
  if (!told && losses_.size() < kMaxLosses) losses_.push_back({keyword, path, reason});
}

}  // namespace puna::engine
