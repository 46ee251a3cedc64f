// What the answers of all generating endpoints have in common.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "api/fields/response_parts.h"
#include "api/fields/warnings.h"
#include "api/json/error.h"
#include "server/generate/generation.h"
#include "server/generate/service.h"
#include "server/http/http.h"
#include "server/http/stream_writer.h"

namespace puna::server {

api::ResponseHead MakeHead(const std::string& id, const std::string& service_tier, const Service& service);

// The X-Puna-Warnings header and a line in the log, when there is something to say.
void TellWarnings(const api::Warnings& warnings, const HttpRequest& request, HttpReply& reply);

api::Usage ToApi(const TotalUsage& usage);

// Notes that there is nobody to answer.
void ClientLeft(HttpReply& reply);

// What a handler makes of an answer that comes whole. The functions keep alive what they and the generation need; they are
// called one at a time, and go with the reply.
struct WholeParts {
  Generation::OnPiece on_piece;
  std::function<void(HttpReply&)> finish;  // all pieces are there: writes the body. May throw api::ApiError
};
// The reply waits until the generation has ended; what that throws becomes the reply.
void AnswerWhole(Generation& generation, WholeParts parts, HttpReply& reply);

// What a handler makes of an answer that is streamed as server-sent events.
struct StreamParts {
  std::function<void(StreamWriter&)> begin = nullptr;  // before the first piece comes
  std::function<void(int choice, OutputPiece&, StreamWriter&)> on_piece;
  std::function<void(StreamWriter&)> finish;  // all pieces are out
  // The engine failed, the server ends or time is up. None: an error event.
  std::function<void(const api::ApiError&, StreamWriter&)> fail = nullptr;
  // What breaks a long silence; none: a comment.
  std::function<std::string()> keep_alive = nullptr;
  // Whether somebody else has ended it; asked after `listen`'s wake too.
  std::function<bool()> cancelled = nullptr;
  std::function<void(std::function<void()> wake)> listen = nullptr;
  std::function<void(StreamWriter&)> left = nullptr;  // the client has left, or it was cancelled
};
// `comments`: the longest silence before a comment breaks it; 0: none does.
void AnswerStream(Generation& generation, std::chrono::seconds comments, StreamParts parts, HttpReply& reply);

// The end of a stream as the chat and completion endpoints have it: the usage, when it is wanted, then [DONE].
using UsageChunk = std::function<std::string(const api::Usage&)>;
void EndWithUsage(Generation& generation, const UsageChunk& usage_chunk, AccessLine& access, StreamWriter& writer);

}  // namespace puna::server
