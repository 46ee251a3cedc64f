// Who guesses ahead in an engine, as its options say: earlier answers, look-ups, a draft model.
#pragma once

#include <memory>

#include "engine/engine.h"
#include "engine/scheduler/scheduler.h"

namespace puna::engine {

// Finished answers to look up in; null: none are kept.
std::unique_ptr<AnswerIndex> MakeAnswers(const EngineOptions& options);

// The draft model; null: none.
std::unique_ptr<Drafter> MakeDrafter(const EngineOptions& options, int vocab_size);

// Tells the scheduler of them; both may be null, and must outlive it.
void AddGuessers(const EngineOptions& options, AnswerIndex* answers, Drafter* drafter, SchedulerOptions& scheduler);

}  // namespace puna::engine
