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
    const std::vector<engine::TokenId> prompt = InputPrompt(input, body.add_special_tokens, service);
    for (int i = 0; i < body.best_of; ++i) {
      ChoicePlan& plan = plans.emplace_back();
      plan.request = BuildRequest(body.sampling, prompt, "prompt", seed, i, service);
      plan.request.id = http.id;
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

  void Answer(const HttpRequest& http, HttpReply& reply);
  void Stream(ByteSink& sink, AccessLine& access);
  void Add(OutputPiece& piece, Candidate& candidate) const;
  std::vector<api::CompletionChoice> Choose(std::vector<Candidate> candidates) const;

  Service& service;
  api::CompletionRequest body;
  api::IdGenerator ids;
  api::ResponseHead head;
  Generation generation;
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

void Job::Answer(const HttpRequest& http, HttpReply& reply) {
  std::vector<Candidate> candidates(generation.size());
  const auto on_piece = [&](int i, OutputPiece& piece) {
    Add(piece, candidates[i]);
    if (piece.last) candidates[i].choice.finish_reason = generation.choice(i).finish_reason();
  };
  if (!Collect(generation, http, on_piece, reply)) return;
  reply.body =
      CompletionJson(head, Choose(std::move(candidates)), ToApi(generation.Usage(*reply.access)), body.tokens_as_ids);
}

void Job::Stream(ByteSink& sink, AccessLine& access) {
  StreamWriter writer(sink, std::chrono::seconds(service.config.keep_alive_comment_s));
  const api::CompletionChunks chunks(head, body.streaming.include_usage, body.tokens_as_ids);
  const auto on_piece = [&](int i, OutputPiece& piece) {
    Candidate candidate;
    candidate.choice.index = i;
    Add(piece, candidate);
    if (piece.last) candidate.choice.finish_reason = generation.choice(i).finish_reason();
    writer.Data(chunks.Chunk(candidate.choice));
  };
  UsageChunk usage;
  if (body.streaming.include_usage) usage = [&](const api::Usage& used) { return chunks.UsageChunk(used); };
  server::Stream(generation, writer, on_piece, usage, access);
}

}  // namespace

void Completions(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::CompletionRequest body = api::ParseCompletionRequest(http.body);
  CheckModel(body.model, service);
  TellWarnings(body.warnings, http, reply);
  reply.access->user = body.user;
  const auto job = std::make_shared<Job>(service, http, std::move(body));
  if (!job->body.streaming.stream) return job->Answer(http, reply);
  reply.content_type = api::kSseContentType;
  reply.headers["Cache-Control"] = "no-cache";
  reply.access->stream = true;
  reply.stream = [job, access = reply.access](ByteSink& sink) { job->Stream(sink, *access); };
}

}  // namespace puna::server
