// The small model inside the binary, served when no other is named, and the smaller one that guesses for it.
// Figures of demo-model: 1; raised when the documents' tables no longer describe this code.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace puna::engine {

// The files of a model folder by name, as they lie in engine/demo/model. Valid for ever.
std::map<std::string, std::span<const std::byte>> DemoModelFiles();

// Those of engine/demo/draft, a PARD draft. It has no tokenizer of its own.
std::map<std::string, std::span<const std::byte>> DemoDraftFiles();
// What it is called where a model is named.
inline constexpr char kDemoDraft[] = "puna:demo-draft";

}  // namespace puna::engine
