// All sequences of one request (its choices), computed side by side and read by one thread at a time. What is asked may follow
// from a first answer: then it is computed behind that, under the same deadline.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "api/fields/response_parts.h"
#include "api/json/error.h"
#include "engine/request/request.h"
#include "server/generate/cache_report.h"
#include "server/generate/deadline.h"
#include "server/generate/output_pipeline.h"
#include "server/generate/service.h"
#include "server/http/access_log.h"

namespace puna::server {

// One choice: what the engine is asked, and how its answer is shown.
struct ChoicePlan {
  engine::Request request;
  OutputOptions output;
};

// What a request used, all choices together; a prompt that several choices share counts once.
struct TotalUsage {
  int prompt_tokens = 0, cached_tokens = 0, cache_write_tokens = 0, completion_tokens = 0;
  double joules = 0;
  std::optional<api::EnergyUsage> energy = {};        // when a choice wanted it
  std::optional<api::CacheReport> cache_report = {};  // of several prompts, all counts and the first one's difference
  engine::GuessCounts guesses = {};
  bool wants_guesses = false;  // a choice wants them told
};

// 503: an allocation failed.
api::ApiError NoMemoryLeft();

// Tells the client of a sequence that the engine ended with `failure`: throws api::ApiError.
[[noreturn]] void ThrowFailure(const engine::Finish& failure);

// Refuses a request that found no place in the engine: throws api::ApiError.
[[noreturn]] void ThrowNoPlace(const Service& service);

class Generation {
 public:
  // Submits all choices or none; each `choices_per_prompt` of them share a prompt. Throws
  // api::ApiError: 429 when the waiting line is full, 503 when the server ends. `ids` must outlive
  // it.
  Generation(Service& service, std::vector<ChoicePlan> plans, int choices_per_prompt, api::IdGenerator& ids);

  // What is asked once the sequences so far have ended; none: nothing more. May throw api::ApiError, which Poll passes on.
  using Next = std::function<std::vector<ChoicePlan>()>;
  void Then(Next next) { next_ = std::move(next); }

  using OnPiece = std::function<void(int choice, OutputPiece& piece)>;
  // `wake` is called, on the engine's thread, when Poll has something to take.
  void OnArrival(const std::function<void()>& wake);
  // Hands out the pieces that have come, and does not wait. False: all choices are done, and accounted for. Throws
  // api::ApiError when the engine fails, the server ends or time is up.
  bool Poll(const OnPiece& on_piece);
  std::chrono::steady_clock::time_point deadline() const { return deadline_.end(); }

  int size() const { return static_cast<int>(choices_.size()); }
  const OutputPipeline& choice(int index) const { return *choices_[index]; }
  // When Poll has said that all is done: of all sequences, also those that others followed. Fills the access line too.
  TotalUsage Usage(AccessLine& access);

 private:
  void Submit(std::vector<ChoicePlan> plans);
  bool GoOn(const OnPiece& on_piece);
  void Check(const OutputPipeline& choice) const;
  void NoteWish(const engine::Request& request, const Service& service);
  api::CacheReport Report() const;

  Service& service_;
  api::IdGenerator& ids_;
  Deadline deadline_;
  std::vector<int> prompt_tokens_;
  int choices_per_prompt_;
  bool wants_energy_ = false, wants_guesses_ = false;
  EnergyTerms energy_terms_;
  const engine::Tokenizer& tokenizer_;
  CacheReportWish report_wish_;
  std::vector<engine::TokenId> first_prompt_;  // where a report is wanted
  std::vector<std::unique_ptr<OutputPipeline>> choices_;
  Next next_;
  std::function<void()> wake_;
  TotalUsage before_;         // of the sequences that others followed
  AccessLine access_before_;  // likewise
};

}  // namespace puna::server
