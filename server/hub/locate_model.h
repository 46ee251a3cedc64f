// What --model means on this machine: a path as it is, or what a hub's name stands for, fetched if need be.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "config/engine_config.h"
#include "server/hub/choose_files.h"

namespace puna::server {

struct LocatedModel {
  std::string path;                // for the engine
  std::vector<std::string> names;  // under which clients may ask for it; empty: the engine's own name for it
};

// Says what it does in the log, and how far a fetch has come (in [0, 1]) to `told`. Throws std::runtime_error: what is no path and
// no name, what does not fit into memory (before a byte of it is fetched), and whatever FetchModel says.
LocatedModel LocateModel(const config::EngineConfig& config, const std::function<void(double share)>& told);

// The same for commands that read a model's files: fetches, and takes what cannot be served here, too.
std::string LocateFiles(const std::string& model);

// The same, and asks nobody: what is not here is an error that says how to get it.
std::string LocateOffline(const std::string& model);

// Whether weights of so many bytes in their files can be held in so much memory, at the least that --weights makes of them; "":
// yes. `others` are the files that the repository has beside.
std::string WhyNotInMemory(int64_t bytes, const std::string& weights, int64_t memory_left,
                           const std::vector<HubFile>& others);

}  // namespace puna::server
