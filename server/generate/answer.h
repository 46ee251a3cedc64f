// What the answers of all generating endpoints have in common.
#pragma once

#include <functional>
#include <string>

#include "api/fields/response_parts.h"
#include "api/fields/warnings.h"
#include "server/generate/generation.h"
#include "server/generate/service.h"
#include "server/http/http.h"
#include "server/http/stream_writer.h"

namespace puna::server {

api::ResponseHead MakeHead(const std::string& id, const std::string& service_tier, const Service& service);

// The X-Puna-Warnings header and a line in the log, when there is something to say.
void TellWarnings(const api::Warnings& warnings, const HttpRequest& request, HttpReply& reply);

api::Usage ToApi(const TotalUsage& usage);

// Runs the generation without streaming. False: the client has left, and there is nobody to answer.
bool Collect(Generation& generation, const HttpRequest& request, const Generation::OnPiece& on_piece, HttpReply& reply);

// Notes that there is nobody to answer.
void ClientLeft(HttpReply& reply);

// Runs it as a stream of server-sent events: what `on_piece` writes, then `usage_chunk` (when it is
// wanted), then [DONE]. A failure becomes an error event.
using UsageChunk = std::function<std::string(const api::Usage&)>;
void Stream(Generation& generation, StreamWriter& writer, const Generation::OnPiece& on_piece,
            const UsageChunk& usage_chunk, AccessLine& access);

}  // namespace puna::server
