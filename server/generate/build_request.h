// From what a client asked for to what the engine is asked: the only place where defaults are
// filled in and lengths are checked.
#pragma once

#include <string>
#include <vector>

#include "api/fields/sampling_fields.h"
#include "api/fields/warnings.h"
#include "engine/request/request.h"
#include "server/generate/output_pipeline.h"
#include "server/generate/service.h"
#include "server/http/http.h"

namespace puna::server {

// Defaults come from the checkpoint's generation_config.json, then from OpenAI. `prompt_param`
// names the prompt in errors. The number of the choice is added to the seed. A bound on the answer's length that goes beyond
// the context is lowered to it, with a warning. Throws api::ApiError: an empty prompt, one that leaves no room, ids that the
// model does not have.
engine::Request BuildRequest(const api::SamplingFields& fields, const std::vector<engine::TokenId>& prompt,
                             const std::string& prompt_param, uint64_t seed, int choice, const Service& service,
                             api::Warnings& warnings);

// Says whose request it is. Where its key has a salt for the prefix cache, that stands before the request's own.
void Sign(const HttpRequest& http, engine::Request& request);

// How the model is sampled where a request says nothing.
struct SamplingDefaults {
  double temperature, top_p, min_p, repetition_penalty;
  int top_k;
};
SamplingDefaults DefaultsOf(const engine::GenerationConfig& generation);

// How the answer of such a request is shown: what stops it, and what is hidden.
OutputOptions BuildOutput(const api::SamplingFields& fields, const engine::Request& request);

// The client's seed, or one from the system's entropy.
uint64_t SeedOf(const api::SamplingFields& fields);

// The name under which `model` is served; when it is empty, the model's own. There is one model, so a name that differs in
// case, by Ollama's tag :latest or by what stands before a slash (a provider, an organisation) means it too, which a warning
// says. Throws api::ApiError 404 for all others.
std::string CheckModel(const std::string& model, const Service& service, api::Warnings& warnings);

}  // namespace puna::server
