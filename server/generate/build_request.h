// From what a client asked for to what the engine is asked: the only place where defaults are
// filled in and lengths are checked.
#pragma once

#include <string>
#include <vector>

#include "api/fields/sampling_fields.h"
#include "engine/request/request.h"
#include "server/generate/output_pipeline.h"
#include "server/generate/service.h"

namespace puna::server {

// Defaults come from the checkpoint's generation_config.json, then from OpenAI. `prompt_param`
// names the prompt in errors. The number of the choice is added to the seed. Throws api::ApiError:
// an empty or too long prompt, ids that the model does not have.
engine::Request BuildRequest(const api::SamplingFields& fields, const std::vector<engine::TokenId>& prompt,
                             const std::string& prompt_param, uint64_t seed, int choice, const Service& service);

// How the answer of such a request is shown: what stops it, and what is hidden.
OutputOptions BuildOutput(const api::SamplingFields& fields, const engine::Request& request);

// The client's seed, or one from the system's entropy.
uint64_t SeedOf(const api::SamplingFields& fields);

// Throws api::ApiError 404 unless `model` is what is served, or empty.
void CheckModel(const std::string& model, const Service& service);

}  // namespace puna::server
