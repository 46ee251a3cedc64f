// What scenarios begin with: a model, and an engine with room for what they do.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/engine_config.h"
#include "engine/engine.h"
#include "engine/tokenizer/tokenizer.h"
#include "server/model/load_model.h"

namespace puna::server {

using BenchProgress = std::function<void(const std::string&)>;

// Of a model as --model names it, or of a folder that has tokenizer.json alone; empty: the demo model's.
engine::Tokenizer TokenizerForBench(const std::string& model);

LoadedModel LoadForBench(const config::EngineConfig& config, const BenchProgress& progress);

// An engine with room for `sequences` of `length` tokens, and with the cache on disk that `config` names. Throws
// std::runtime_error when the model knows no such length.
std::unique_ptr<engine::Engine> StartForBench(const config::EngineConfig& config, std::unique_ptr<engine::Model> model,
                                              int sequences, int length);

}  // namespace puna::server
