// POST /v1/completions.
#include <algorithm>

#include "api/endpoints/completion_request.h"
#include "api/endpoints/completion_response.h"
#include "api/fields/sse.h"
#include "server/endpoints/handlers.h"
#include "server/generate/answer.h"
#include "server/generate/answer_form.h"
#include "server/generate/build_request.h"
#include "server/generate/logprobs.h"
#include "server/generate/prompts.h"

namespace puna::server {
namespace {

// best_of choices for each prompt, one prompt after the other.
std::vector<ChoicePlan> Plan(api::CompletionRequest& body, const HttpRequest& http, const Service& service) {
  const uint64_t seed = SeedOf(body.sampling);
  const bool ranked = body.best_of > body.n;
  std::vector<ChoicePlan> plans;
  for (const api::PromptInput& input : body.prompts) {
    if (const auto* text = std::get_if<std::string>(&input)) CheckTextFits(text->size(), "prompt", service);
    const std::vector<engine::TokenId> prompt = InputPrompt(input, body.add_special_tokens, service);
    for (int i = 0; i < body.best_of; ++i) {
      ChoicePlan& plan = plans.emplace_back();
      plan.request = BuildRequest(body.sampling, prompt, "prompt", seed, i, service, body.warnings);
      Sign(http, plan.request);
      plan.request.num_logprobs = ranked ? std::max(0, body.num_logprobs) : body.num_logprobs;
      plan.request.prompt_logprobs = body.echo && body.num_logprobs >= 0;
      plan.output = BuildOutput(body.sampling, plan.request);
      plan.output.logprobs = plan.request.num_logprobs >= 0;
      SetFormat(body.format, body.warnings, service, plan);
      if (body.echo) plan.output.echo = prompt;
    }
  }
  return plans;
}

// A choice while it grows, with what best_of ranks by.
struct Candidate {
  api::CompletionChoice choice;
  double logprob_sum = 0;
  int scored = 0;
  double mean() const { return scored == 0 ? 0 : logprob_sum / scored; }
};

// One request, until its answer is written.
struct Job {
  Job(Service& s, const HttpRequest& http, api::CompletionRequest request)
      : service(s),
        body(std::move(request)),
        head(MakeHead(ids.Next("cmpl-"), body.service_tier, s)),
        generation(s, Plan(body, http, s), body.best_of, ids) {}

  void Write(int i, OutputPiece& piece, StreamWriter& writer) const;
  void Add(OutputPiece& piece, Candidate& candidate) const;
  std::vector<api::CompletionChoice> Choose(std::vector<Candidate> candidates) const;

  Service& service;
  api::CompletionRequest body;
  api::IdGenerator ids;
  api::ResponseHead head;
  Generation generation;
  const api::CompletionChunks chunks{head, body.streaming.include_usage, body.tokens_as_ids};
  std::vector<Candidate> candidates{static_cast<size_t>(generation.size())};  // of a whole answer
};

void Job::Add(OutputPiece& piece, Candidate& candidate) const {
  candidate.choice.text += piece.content;
  for (const ScoredToken& token : piece.tokens) {
    if (token.of_prompt || !token.logprobs) continue;
    candidate.logprob_sum += token.logprobs->logprob;
    ++candidate.scored;
  }
  if (body.num_logprobs < 0) return;
  if (!candidate.choice.logprobs) candidate.choice.logprobs.emplace();
  for (api::PositionLogprobs& position : NameLogprobs(piece.tokens, service.tokenizer)) {
    candidate.choice.logprobs->push_back(std::move(position));
  }
}

// The n most likely of best_of, by the mean over their tokens; with n = best_of all, as they are.
std::vector<api::CompletionChoice> Job::Choose(std::vector<Candidate> candidates) const {
  std::vector<api::CompletionChoice> choices;
  for (auto first = candidates.begin(); first != candidates.end(); first += body.best_of) {
    if (body.best_of > body.n) {
      std::stable_sort(first, first + body.best_of,
                       [](const Candidate& a, const Candidate& b) { return a.mean() > b.mean(); });
    }
    for (int i = 0; i < body.n; ++i) {
      choices.push_back(std::move(first[i].choice));
      choices.back().index = static_cast<int>(choices.size()) - 1;
    }
  }
  return choices;
}

void Job::Write(int i, OutputPiece& piece, StreamWriter& writer) const {
  Candidate candidate;
  candidate.choice.index = i;
  Add(piece, candidate);
  if (piece.last) candidate.choice.finish_reason = generation.choice(i).finish_reason();
  writer.Data(chunks.Chunk(candidate.choice));
}

void AnswerWhole(const std::shared_ptr<Job>& job, HttpReply& reply) {
  const auto on_piece = [job](int i, OutputPiece& piece) {
    Candidate& candidate = job->candidates[i];
    job->Add(piece, candidate);
    if (piece.last) candidate.choice.finish_reason = job->generation.choice(i).finish_reason();
  };
  const auto finish = [job](HttpReply& out) {
    const api::Usage usage = ToApi(job->generation.Usage(*out.access));
    out.body = CompletionJson(job->head, job->Choose(std::move(job->candidates)), usage, job->body.tokens_as_ids);
  };
  server::AnswerWhole(job->generation, {on_piece, finish}, reply);
}

void AnswerStream(const std::shared_ptr<Job>& job, HttpReply& reply) {
  StreamParts parts;
  parts.on_piece = [job](int i, OutputPiece& piece, StreamWriter& writer) { job->Write(i, piece, writer); };
  parts.finish = [job, access = reply.access](StreamWriter& writer) {
    UsageChunk usage;
    if (job->body.streaming.include_usage) usage = [&](const api::Usage& used) { return job->chunks.UsageChunk(used); };
    EndWithUsage(job->generation, usage, *access, writer);
  };
  const std::chrono::seconds comments(job->service.config.keep_alive_comment_s);
  server::AnswerStream(job->generation, comments, std::move(parts), reply);
}

}  // namespace

void Completions(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::CompletionRequest body = api::ParseCompletionRequest(http.body);
  CheckModel(body.model, service, body.warnings);
  reply.access->user = body.user;
  const auto job = std::make_shared<Job>(service, http, std::move(body));
  TellWarnings(job->body.warnings, http, reply);
  job->body.streaming.stream ? AnswerStream(job, reply) : AnswerWhole(job, reply);
}

}  // namespace puna::server
