// Embeddings of texts, for every protocol that has them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/endpoints/embeddings.h"
#include "server/generate/service.h"
#include "server/http/http.h"

namespace puna::server {

using Vectors = std::vector<std::vector<float>>;
// The body of the reply.
using WriteEmbeddings = std::function<std::string(const Vectors& vectors, int prompt_tokens)>;

// What fills a reply with the embeddings of all inputs. Throws api::ApiError for inputs and dimensions that cannot be.
std::unique_ptr<ReplyTask> EmbedAll(const api::EmbeddingsRequest& body, const HttpRequest& http, Service& service,
                                    WriteEmbeddings write);

}  // namespace puna::server
