// Ollama's registry, and OCI registries as Docker Model Runner uses them: a manifest that names blobs by their sha256. Their models
// are kept in Ollama's layout, in a folder of our own; Ollama's own folders are read and never written.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/hub/fetch_model.h"

namespace puna::server {

// A manifest, as far as it says which files make the model.
struct Manifest {
  struct Layer {
    std::string digest;  // sha256:<64 hexadecimal digits>
    int64_t size = 0;
    std::string path;  // as the engine shall see it: NAME.gguf, NAME-00001-of-00002.gguf, or what the layer says
    bool operator==(const Layer&) const = default;
  };
  std::vector<Layer> layers;
  std::vector<std::string> notes;  // layers that say something about the model and that nothing here follows
};

// Throws std::runtime_error for what is no model that can be run: adapters, layers of another format, bad digests.
Manifest ReadManifest(const std::string& json, const ModelName& name);

std::optional<LocalModel> FindInRegistries(const HubSettings& settings, const ModelName& name);
LocalModel FetchFromRegistry(const HubSettings& settings, const ModelName& name, const CheckSize& check,
                             const FetchWatch& watch);

// Of a folder in Ollama's layout: the names that it has manifests of.
std::vector<ModelName> NamesIn(const std::string& folder);

// Takes the name out of our own folder, and each blob that no other name there needs. Gives the bytes that became free.
int64_t RemoveName(const HubSettings& settings, const ModelName& name);

// Of WWW-Authenticate: Bearer realm="...",service="...",scope="...": where to ask for a token; "": it is another scheme.
std::string TokenUrl(const std::string& challenge);

}  // namespace puna::server
