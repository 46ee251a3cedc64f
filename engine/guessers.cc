#include "engine/guessers.h"

#include <utility>

#include "engine/model_drafter.h"
#include "engine/scheduler/ngram_proposer.h"

namespace puna::engine {

std::unique_ptr<AnswerIndex> MakeAnswers(const EngineOptions& options) {
  if (!options.speculation || options.remembered_tokens <= 0) return nullptr;
  return std::make_unique<AnswerIndex>(options.remembered_tokens, options.share_answers);
}

std::unique_ptr<Drafter> MakeDrafter(const EngineOptions& options, int vocab_size) {
  if (!options.speculation) return nullptr;
  std::unique_ptr<Drafter> drafter;
  if (options.draft.model)
    drafter = std::make_unique<ModelDrafter>(options.draft, options.num_blocks, vocab_size, options.report_fault);
  return options.wrap_drafter ? options.wrap_drafter(std::move(drafter)) : std::move(drafter);
}

void AddGuessers(const EngineOptions& options, AnswerIndex* answers, Drafter* drafter, SchedulerOptions& scheduler) {
  scheduler.measured_guesses = options.measured_guesses;
  if (!options.speculation) return;
  scheduler.drafter = drafter;
  scheduler.answers = answers;
  scheduler.make_proposer = [answers](const Request& request) {
    const BlockHash tenant = answers != nullptr ? answers->TenantOf(request) : kRootHash;
    return std::make_unique<NgramProposer>(static_cast<int>(request.prompt.size()), request.prediction,
                                           request.guessing, answers, tenant);
  };
}

}  // namespace puna::engine
