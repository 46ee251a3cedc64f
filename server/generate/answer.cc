#include "server/generate/answer.h"

#include <algorithm>
#include <ctime>
#include <new>
#include <utility>

#include "api/fields/sse.h"
#include "server/host/log.h"

namespace puna::server {
namespace {

constexpr int kClientClosedRequest = 499;  // nginx's number; nobody reads it but the log

// What an endpoint keeps of it until the answer is whole.
size_t BytesOf(const OutputPiece& piece) {
  size_t bytes = piece.content.size();
  for (const api::ToolCallDelta& call : piece.calls) bytes += sizeof call + call.name.size() + call.arguments.size();
  for (const ScoredToken& token : piece.tokens)
    bytes += sizeof token + (token.logprobs ? token.logprobs->top.size() * sizeof(engine::TokenLogprob) : 0);
  return bytes;
}

class WholeTask : public ReplyTask {
 public:
  WholeTask(Generation& generation, WholeParts parts) : generation_(generation), parts_(std::move(parts)) {}
  void Start(std::function<void()> wake) override { generation_.OnArrival(std::move(wake)); }
  std::optional<Clock::time_point> Advance(HttpReply& reply, ByteSink& sink) override {
    if (sink.client_gone()) {
      ClientLeft(reply);
      return std::nullopt;
    }
    const auto count = [this](int choice, OutputPiece& piece) {
      bytes_ += BytesOf(piece);
      parts_.on_piece(choice, piece);
    };
    if (generation_.Poll(count)) return generation_.deadline();
    parts_.finish(reply);
    return std::nullopt;
  }
  size_t bytes() const override { return bytes_; }

 private:
  Generation& generation_;  // kept alive by the parts
  WholeParts parts_;
  size_t bytes_ = 0;
};

class StreamTask : public ReplyTask {
 public:
  StreamTask(Generation& generation, std::chrono::seconds comments, StreamParts parts)
      : generation_(generation), writer_(comments), parts_(std::move(parts)) {}

  void Start(std::function<void()> wake) override {
    generation_.OnArrival(wake);
    if (parts_.listen) parts_.listen(std::move(wake));
    writer_.KeepAliveWith(parts_.keep_alive);
    if (parts_.begin) parts_.begin(writer_);
  }

  std::optional<Clock::time_point> Advance(HttpReply& reply, ByteSink& sink) override {
    const bool goes_on =
        sink.client_gone() || (parts_.cancelled && parts_.cancelled()) ? Leave(*reply.access) : Go(*reply.access);
    const bool alive = writer_.Flush(sink);
    if (!goes_on) return std::nullopt;
    if (!alive) {
      Leave(*reply.access);
      return std::nullopt;
    }
    return std::min(writer_.next_comment(), generation_.deadline());
  }

 private:
  bool Leave(AccessLine& access) {
    access.finish = "client left";
    if (parts_.left) parts_.left(writer_);
    return false;
  }
  bool Go(AccessLine& access) {
    try {
      if (generation_.Poll([this](int choice, OutputPiece& piece) { parts_.on_piece(choice, piece, writer_); }))
        return true;
      parts_.finish(writer_);
    } catch (const api::ApiError& error) {
      Fail(error, access);
    } catch (const std::bad_alloc&) {  // of this step; what it had is free by now
      Fail(NoMemoryLeft(), access);
    }
    return false;
  }
  void Fail(const api::ApiError& error, AccessLine& access) {
    access.error = error.code();
    parts_.fail ? parts_.fail(error, writer_) : writer_.Error(error);
  }

  Generation& generation_;  // kept alive by the parts
  StreamWriter writer_;
  StreamParts parts_;
};

}  // namespace

api::ResponseHead MakeHead(const std::string& id, const std::string& service_tier, const Service& service) {
  return {id, static_cast<int64_t>(std::time(nullptr)), service.model_name, service.engine->fingerprint(),
          service_tier};
}

void TellWarnings(const api::Warnings& warnings, const HttpRequest& request, HttpReply& reply) {
  if (warnings.empty()) return;
  reply.headers["X-Puna-Warnings"] = warnings.HeaderValue();
  LogWarning("request " + request.id + ": " + warnings.HeaderValue());
}

api::Usage ToApi(const TotalUsage& usage) {
  // OpenAI's two figures are about what the client predicted, and about no guess of ours.
  const engine::GuessCount& predicted = usage.guesses[static_cast<size_t>(engine::GuessSource::kPrediction)];
  std::optional<std::vector<api::GuessUsage>> guesses;
  if (usage.wants_guesses) {
    guesses.emplace();
    for (size_t source = 0; source < usage.guesses.size(); ++source)
      guesses->push_back(
          {engine::kGuessSourceNames[source], usage.guesses[source].proposed, usage.guesses[source].accepted});
  }
  return {.prompt_tokens = usage.prompt_tokens,
          .cached_tokens = usage.cached_tokens,
          .completion_tokens = usage.completion_tokens,
          .accepted_prediction_tokens = predicted.accepted,
          .rejected_prediction_tokens = predicted.proposed - predicted.accepted,
          .cache_write_tokens = usage.cache_write_tokens,
          .energy = usage.energy,
          .cache_report = usage.cache_report,
          .speculation = std::move(guesses)};
}

void ClientLeft(HttpReply& reply) {
  reply.status = kClientClosedRequest;
  reply.access->finish = "client left";
}

void AnswerWhole(Generation& generation, WholeParts parts, HttpReply& reply) {
  reply.later = std::make_unique<WholeTask>(generation, std::move(parts));
}

void AnswerStream(Generation& generation, std::chrono::seconds comments, StreamParts parts, HttpReply& reply) {
  reply.content_type = api::kSseContentType;
  reply.headers["Cache-Control"] = "no-cache";
  reply.headers["X-Accel-Buffering"] = "no";  // nginx would hold events back until there are 4 KiB
  reply.access->stream = true;
  reply.stream = std::make_unique<StreamTask>(generation, comments, std::move(parts));
}

void EndWithUsage(Generation& generation, const UsageChunk& usage_chunk, AccessLine& access, StreamWriter& writer) {
  const TotalUsage used = generation.Usage(access);
  if (usage_chunk) writer.Data(usage_chunk(ToApi(used)));
  writer.Done();
}

}  // namespace puna::server
