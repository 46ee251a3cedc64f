// POST /v1/embeddings.
#include "api/endpoints/embeddings.h"

#include <algorithm>
#include <optional>

#include "api/json/error.h"
#include "api/json/json_reader.h"
#include "server/endpoints/embed.h"
#include "server/endpoints/handlers.h"
#include "server/generate/answer.h"
#include "server/generate/build_request.h"
#include "server/generate/generation.h"
#include "server/generate/prompts.h"

namespace puna::server {
namespace {

// Inputs of one request that are in the engine at once: enough to fill its steps, without keeping
// others from it.
constexpr int kMaxInFlight = 16;
constexpr std::chrono::milliseconds kPatience{25};  // until there may be room in the engine

struct Input {
  std::vector<engine::TokenId> ids;
  std::optional<engine::TokenReader> reader;  // while the engine has it
  std::vector<float> vector;
};

std::string ParamOf(const api::EmbeddingsRequest& body, size_t index) {
  return body.inputs.size() == 1 ? "input" : api::IndexPath("input", index);
}

// Checked as a prompt that is answered.
std::vector<engine::TokenId> ReadInput(const api::EmbeddingsRequest& body, size_t index, const Service& service) {
  if (const auto* text = std::get_if<std::string>(&body.inputs[index]))
    CheckTextFits(text->size(), ParamOf(body, index), service);
  api::SamplingFields none;
  api::Warnings unused;  // nothing is generated, so that nothing can be too long
  none.max_tokens = 0;
  return BuildRequest(none, InputPrompt(body.inputs[index], body.add_special_tokens, service), ParamOf(body, index), 0,
                      0, service, unused)
      .prompt;
}

void CheckDimensions(const api::EmbeddingsRequest& body, const Service& service) {
  const int own = service.engine->limits().hidden_size;
  if (!body.dimensions || *body.dimensions == own) return;
  throw api::InvalidValue("dimensions", "this model's vectors have " + std::to_string(own) +
                                            " dimensions, and it was not trained for others.");
}

// The inputs of one request, some of them in the engine at a time.
class Batch : public ReplyTask {
 public:
  Batch(const api::EmbeddingsRequest& body, const HttpRequest& http, Service& service, WriteEmbeddings write)
      : service_(service),
        write_(std::move(write)),
        pooling_(body.pooling == api::EmbeddingsRequest::Pooling::kLast ? engine::Pooling::kLast
                                                                        : engine::Pooling::kMean),
        deadline_(service.config.request_timeout_s) {
    who_asks_.id = http.id;
    who_asks_.caller = http.caller;
    for (size_t i = 0; i < body.inputs.size(); ++i) {
      inputs_.push_back({ReadInput(body, i, service), std::nullopt, {}});
      prompt_tokens_ += static_cast<int>(inputs_.back().ids.size());
    }
  }

  void Start(std::function<void()> wake) override { wake_ = std::move(wake); }

  // Throws api::ApiError as Generation does.
  std::optional<Clock::time_point> Advance(HttpReply& reply, ByteSink& sink) override {
    if (sink.client_gone()) return ClientLeft(reply), std::nullopt;
    while (Submit() && Collect()) {
    }
    if (first_ == inputs_.size()) return Finish(reply), std::nullopt;
    deadline_.Check();
    const bool waits_for_room = first_ == next_;
    return waits_for_room ? std::min(deadline_.end(), Clock::now() + kPatience) : deadline_.end();
  }

 private:
  // Nothing is generated.
  engine::Request MakeRequest(const Input& input) const {
    engine::Request request;
    Sign(who_asks_, request);
    request.prompt = input.ids;
    request.pooling = pooling_;
    request.stop.max_new_tokens = 0;
    return request;
  }

  // Only the first input is refused for want of room: work that has begun waits for its turn. False: none was submitted.
  bool Submit() {
    const size_t before = next_, end = std::min(inputs_.size(), first_ + kMaxInFlight);
    for (; next_ < end; ++next_) {
      Input& input = inputs_[next_];
      input.reader = service_.engine->Submit(MakeRequest(input));
      if (!input.reader && (next_ == 0 || service_.stopping)) ThrowNoPlace(service_);
      if (!input.reader) break;
      input.reader->OnArrival(wake_);
    }
    return next_ > before || first_ < next_;
  }

  // Takes what has come. True: there may be room for more inputs.
  bool Collect() {
    for (size_t i = first_; i < next_; ++i) {
      Input& input = inputs_[i];
      if (!input.reader) continue;
      for (engine::TokenEvent& event : input.reader->Wait(std::chrono::milliseconds(0))) Take(event, input);
    }
    const size_t before = first_;
    while (first_ < next_ && !inputs_[first_].reader) ++first_;
    return first_ > before;
  }

  void Finish(HttpReply& reply) {
    std::vector<std::vector<float>> vectors;
    for (Input& input : inputs_) vectors.push_back(std::move(input.vector));
    reply.access->prompt_tokens = prompt_tokens_;
    reply.access->cached_tokens = cached_tokens_;
    reply.body = write_(vectors, prompt_tokens_);
  }

  void Take(engine::TokenEvent& event, Input& input) {
    if (event.kind == engine::TokenEvent::Kind::kEmbedding) input.vector = std::move(event.embedding);
    if (event.kind != engine::TokenEvent::Kind::kEnd) return;
    if (input.vector.empty()) ThrowFailure(*event.finish);
    cached_tokens_ += event.finish->usage.cached_tokens;
    input.reader.reset();
  }

  Service& service_;
  const WriteEmbeddings write_;
  HttpRequest who_asks_;  // nothing else of the request
  const engine::Pooling pooling_;
  Deadline deadline_;
  std::function<void()> wake_;
  std::vector<Input> inputs_;
  size_t first_ = 0, next_ = 0;  // [first_, next_) have been submitted, first_ is not done
  int prompt_tokens_ = 0, cached_tokens_ = 0;
};

}  // namespace

std::unique_ptr<ReplyTask> EmbedAll(const api::EmbeddingsRequest& body, const HttpRequest& http, Service& service,
                                    WriteEmbeddings write) {
  CheckDimensions(body, service);
  return std::make_unique<Batch>(body, http, service, std::move(write));
}

void Embeddings(Service& service, const HttpRequest& http, HttpReply& reply) {
  api::EmbeddingsRequest body = api::ParseEmbeddingsRequest(http.body);
  CheckModel(body.model, service, body.warnings);
  TellWarnings(body.warnings, http, reply);
  reply.access->user = body.user;
  const auto write = [base64 = body.base64, &service](const Vectors& vectors, int prompt_tokens) {
    return api::EmbeddingsJson(vectors, service.model_name, prompt_tokens, base64);
  };
  reply.later = EmbedAll(body, http, service, write);
}

}  // namespace puna::server
