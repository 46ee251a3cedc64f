// POST /v1/responses/compact: a conversation in, a shorter one out, which this model made.
#include <algorithm>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "api/endpoints/responses_object.h"
#include "api/endpoints/responses_request.h"
#include "api/json/error.h"
#include "server/endpoints/handlers.h"
#include "server/endpoints/responses_prompt.h"
#include "server/endpoints/summary.h"
#include "server/generate/answer.h"
#include "server/generate/build_request.h"

namespace puna::server {
namespace {

using Kind = api::ResponseItem::Kind;

// Of the context: what is kept of the user's words.
constexpr int kKeptShare = 16;

// Throws api::ApiError for what a summary cannot be.
void CheckForm(const api::ResponsesRequest& body) {
  for (const auto& [asked, name] : {std::pair{body.stream, "stream"},
                                    {body.background, "background"},
                                    {!body.conversation.empty(), "conversation"}}) {
    if (asked)
      throw api::InvalidValue(name,
                              "a compacted conversation is answered whole, for 'input' or 'previous_response_id'.",
                              "unsupported_value");
  }
  if (body.format.kind != api::OutputFormat::Kind::kText)
    throw api::InvalidValue("text.format", "a summary is text.", "unsupported_value");
}

api::ResponsesRequest Asked(const HttpRequest& http, const Service& service) {
  api::ResponsesRequest body = api::ParseResponsesRequest(http.body);
  CheckForm(body);
  CheckModel(body.model, service, body.warnings);
  return body;
}

// What stays as it is: what the system was told, and of the user's messages the newest, as far as they are short.
std::vector<api::ResponseItem> Kept(const std::vector<api::ResponseItem>& items, const Service& service) {
  auto room = static_cast<int64_t>(service.engine->limits().max_model_len / kKeptShare);
  std::vector<api::ResponseItem> kept;
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    if (item->kind != Kind::kMessage || item->role == "assistant") continue;
    if (item->role == "user") {
      if (room > 0) room -= static_cast<int64_t>(service.tokenizer.Encode(item->text).size());
      if (room <= 0) continue;
    }
    kept.push_back(*item);
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

class Compaction {
 public:
  Compaction(Service& service, const HttpRequest& http)
      : service_(service),
        owner_(http.caller.owner),
        body_(Completed(Asked(http, service), http, service, ids_)),
        earlier_(EarlierOf(body_, http, service)),
        kept_(KeptOfAll()),
        generation_(service, Plan(http), 1, ids_) {}

  const api::ResponsesRequest& body() const { return body_; }

  static void Answer(const std::shared_ptr<Compaction>& self, HttpReply& reply) {
    const auto add = [self](int, OutputPiece& piece) { self->summary_ += piece.content; };
    AnswerWhole(self->generation_, {add, [self](HttpReply& out) { self->Finish(out); }}, reply);
  }

 private:
  std::vector<api::ResponseItem> KeptOfAll() const {
    std::vector<api::ResponseItem> all = earlier_.items;
    all.insert(all.end(), body_.input.begin(), body_.input.end());
    return Kept(all, service_);
  }

  std::vector<ChoicePlan> Plan(const HttpRequest& http) {
    std::vector<ChoicePlan> plans;
    plans.push_back(PlanSummary(earlier_, body_, http, service_));
    return plans;
  }

  void Finish(HttpReply& reply) {
    const api::Usage usage = ToApi(generation_.Usage(*reply.access));
    const bool cut = generation_.choice(0).finish_reason() == "length";
    kept_.push_back(MakeCompaction(Kind::kCompaction, std::move(summary_), cut, owner_, service_, ids_));
    api::GiveIds(kept_, ids_);
    reply.body = api::CompactedJson(ids_.Next("resp_"), std::time(nullptr), kept_, usage);
  }

  Service& service_;
  const std::string owner_;
  api::IdGenerator ids_;
  api::ResponsesRequest body_;
  const Earlier earlier_;
  std::vector<api::ResponseItem> kept_;
  std::string summary_;
  Generation generation_;
};

}  // namespace

void CompactResponse(Service& service, const HttpRequest& http, HttpReply& reply) {
  const auto compaction = std::make_shared<Compaction>(service, http);
  TellWarnings(compaction->body().warnings, http, reply);
  reply.access->user = compaction->body().user;
  Compaction::Answer(compaction, reply);
}

}  // namespace puna::server
