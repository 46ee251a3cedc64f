#include "server/generate/answer.h"

#include <ctime>

#include "api/json/error.h"
#include "server/host/log.h"

namespace puna::server {
namespace {

constexpr int kClientClosedRequest = 499;  // nginx's number; nobody reads it but the log

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
  return {.prompt_tokens = usage.prompt_tokens,
          .cached_tokens = usage.cached_tokens,
          .completion_tokens = usage.completion_tokens,
          .accepted_prediction_tokens = usage.accepted_prediction_tokens,
          .rejected_prediction_tokens = usage.rejected_prediction_tokens,
          .cache_write_tokens = usage.cache_write_tokens,
          .energy = usage.energy};
}

bool Collect(Generation& generation, const HttpRequest& request, const Generation::OnPiece& on_piece,
             HttpReply& reply) {
  if (generation.Run(on_piece, [&] { return !request.client_gone(); })) return true;
  ClientLeft(reply);
  return false;
}

void ClientLeft(HttpReply& reply) {
  reply.status = kClientClosedRequest;
  reply.access->finish = "client left";
}

void Stream(Generation& generation, StreamWriter& writer, const Generation::OnPiece& on_piece,
            const UsageChunk& usage_chunk, AccessLine& access) {
  try {
    if (!generation.Run(on_piece, [&] { return writer.Flush(); })) {
      access.finish = "client left";
      return;
    }
    if (usage_chunk) writer.Data(usage_chunk(ToApi(generation.Usage(access))));
    writer.Done();
    writer.Flush();
    if (!usage_chunk) generation.Usage(access);
  } catch (const api::ApiError& error) {
    access.error = error.code();
    writer.Error(error);
    writer.Flush();
  }
}

}  // namespace puna::server
