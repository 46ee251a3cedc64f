// The door of this room: from a model's name to a path that the engine opens.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/hub/choose_files.h"
#include "server/hub/http_client.h"
#include "server/hub/hub_settings.h"
#include "server/hub/model_name.h"

namespace puna::server {

struct LocalModel {
  std::string path;                // a folder or a file
  std::vector<HubFile> files;      // what it is made of
  std::string folder;              // where those lie; their paths are below it
  std::vector<std::string> notes;  // what the operator should know
};

// The model as far as it is on the disk, whole: in Hugging Face's cache, llama.cpp's, Ollama's folder or our own. None: it is not.
// Asks nobody.
std::optional<LocalModel> FindModel(const HubSettings& settings, const ModelName& name);

// Called with the bytes of a model that is about to be fetched; throws where it makes no sense.
using CheckSize = std::function<void(int64_t bytes, const std::vector<HubFile>& others)>;

// Asks the hub what the name stands for now, fetches what is missing and gives where it is. Where the hub cannot be reached, or
// settings.offline says not to ask, what is there counts, with a note. Throws std::runtime_error with what to do, FetchStopped.
LocalModel FetchModel(const HubSettings& settings, const ModelName& name, const CheckSize& check,
                      const FetchWatch& watch);

// What serving needs: what is there, or else fetched. (`puna pull` asks whether there is a newer one.)
LocalModel FindOrFetchModel(const HubSettings& settings, const ModelName& name, const CheckSize& check,
                            const FetchWatch& watch);

}  // namespace puna::server
