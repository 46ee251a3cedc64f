#include "server/hub/list_models.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <stdexcept>

#include "engine/checkpoint/gguf/gguf_names.h"
#include "server/hub/fetch_model.h"
#include "server/hub/hf_cache.h"
#include "server/hub/registry.h"

namespace puna::server {
namespace {

std::time_t Modified(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_mtime : 0;
}

// A whole model of that name, as it lies in `place`.
void Add(const HubSettings& settings, const ModelName& name, const std::string& place, bool ours,
         std::vector<ListedModel>* models) {
  const std::optional<LocalModel> found = FindModel(settings, name);
  if (!found || found->files.empty()) return;
  ListedModel listed{.name = name, .bytes = 0, .modified = 0, .place = place, .ours = ours};
  for (const HubFile& file : found->files) {
    listed.bytes += file.size;
    listed.modified = std::max(listed.modified, Modified(found->folder + "/" + file.path));
  }
  if (listed.modified == 0) listed.modified = Modified(found->path);
  models->push_back(std::move(listed));
}

// What a repository's snapshot holds: each GGUF by its quantisation, and its safetensors.
void AddRepo(const HubSettings& settings, const CachedRepo& repo, std::vector<ListedModel>* models) {
  const std::vector<std::string> commits = CommitsIn(repo.folder);
  for (const std::string& commit : commits) {
    const std::string snapshot = SnapshotFolder(repo.folder, commit);
    const bool main = FindSnapshot(repo.folder, "main") == snapshot;
    ModelName name{.hub = ModelName::Hub::kHuggingFace,
                   .host = "",
                   .repo = repo.repo,
                   .revision = main ? "main" : commit,
                   .tag = ""};
    std::set<std::string> tags;
    bool folder = false;
    for (const HubFile& file : FilesBelow(snapshot)) {
      if (file.path.ends_with(".gguf")) tags.insert(QuantisationIn(engine::GgufParts(file.path).front()));
      folder = folder || file.path.ends_with(".safetensors") || file.path.ends_with(".pth");
    }
    if (folder) Add(settings, name, settings.hf_cache, true, models);
    for (const std::string& tag : tags) {
      name.tag = tag;
      Add(settings, name, settings.hf_cache, true, models);
    }
  }
}

}  // namespace

std::vector<ListedModel> ListModels(const HubSettings& settings) {
  std::vector<ListedModel> models;
  for (const CachedRepo& repo : ReposIn(settings.hf_cache)) AddRepo(settings, repo, &models);
  for (const ModelName& name : NamesIn(settings.store)) Add(settings, name, settings.store, true, &models);
  for (const std::string& folder : settings.ollama_models) {
    for (const ModelName& name : NamesIn(folder)) {
      const bool known = std::ranges::any_of(models, [&](const ListedModel& model) { return model.name == name; });
      if (!known) Add(settings, name, folder, false, &models);
    }
  }
  return models;
}

int64_t RemoveModel(const HubSettings& settings, const ModelName& name) {
  if (name.hub != ModelName::Hub::kHuggingFace) {
    if (const int64_t freed = RemoveName(settings, name); freed > 0) return freed;
    if (const auto found = FindModel(settings, name)) {
      throw std::runtime_error(name.Text() + " belongs to Ollama (" + found->path +
                               "); its own program removes it: ollama rm");
    }
    throw std::runtime_error(name.Text() + " is not in " + settings.store + "; puna list says what is there");
  }
  const std::optional<LocalModel> found = FindModel(settings, name);
  const std::string repo = RepoFolder(settings.hf_cache, name.repo);
  std::vector<std::string> paths;
  if (found && found->folder.starts_with(repo + "/")) {
    for (const HubFile& file : found->files) paths.push_back(file.path);
  } else if (found) {
    throw std::runtime_error(name.Text() + " is in another program's cache; remove " + found->path + " there");
  }
  const int64_t freed = RemoveFiles(settings.hf_cache, name.repo, paths);
  if (freed == 0 && paths.empty()) {
    throw std::runtime_error(name.Text() + " is not in " + settings.hf_cache + "; puna list says what is there");
  }
  return freed;
}

}  // namespace puna::server
