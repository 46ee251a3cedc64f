#include "server/hub/fetch_model.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "server/hub/fetch_blob.h"
#include "server/hub/hf_cache.h"
#include "server/hub/hf_hub.h"
#include "server/hub/registry.h"

namespace puna::server {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

bool Has(const std::vector<HubFile>& files, const std::string& path) {
  return std::ranges::find(files, path, &HubFile::path) != files.end();
}

// A folder of safetensors is whole with a tokenizer: weights alone are somebody's download that has not ended.
bool HasTokenizer(const Choice& choice) {
  return !choice.open.empty() || Has(choice.files, "tokenizer.json") || Has(choice.files, "tokenizer.model");
}

LocalModel At(const std::string& folder, const Choice& choice) {
  return {.path = choice.open.empty() ? folder : folder + "/" + choice.open,
          .files = choice.files,
          .folder = folder,
          .notes = {}};
}

// `certain_only`: not where the hub might have what is taken before it.
std::optional<LocalModel> ChooseIn(const std::string& folder, const std::vector<HubFile>& files, const ModelName& name,
                                   bool certain_only) {
  if (files.empty()) return std::nullopt;
  try {
    const Choice choice = ChooseFiles(files, name.tag, name.repo,
                                      [&](const HubFile& file) { return ReadFile(folder + "/" + file.path); });
    if (!HasTokenizer(choice) || (certain_only && !IsCertain(choice, name.tag))) return std::nullopt;
    return At(folder, choice);
  } catch (const std::runtime_error&) {
    return std::nullopt;  // not whole, or another file of the same repository
  }
}

// Flat names of older llama.cpp: ORG_NAME_FILE.gguf.
std::optional<LocalModel> FindInLlamaCache(const HubSettings& settings, const ModelName& name, bool certain_only) {
  std::string prefix = name.repo + "_";
  std::ranges::replace(prefix, '/', '_');
  std::vector<HubFile> files;
  for (HubFile& file : FilesBelow(settings.llama_cache)) {
    if (file.path.starts_with(prefix)) files.push_back(std::move(file));
  }
  if (name.revision != "main") return std::nullopt;
  return ChooseIn(settings.llama_cache, files, name, certain_only);
}

std::optional<LocalModel> FindHf(const HubSettings& settings, const ModelName& name, bool certain_only) {
  std::vector<std::string> caches = {settings.hf_cache};
  caches.insert(caches.end(), settings.more_hf_caches.begin(), settings.more_hf_caches.end());
  for (const std::string& cache : caches) {
    const std::optional<std::string> snapshot = FindSnapshot(RepoFolder(cache, name.repo), name.revision);
    if (!snapshot) continue;
    if (auto found = ChooseIn(*snapshot, FilesBelow(*snapshot), name, certain_only)) return found;
  }
  return FindInLlamaCache(settings, name, certain_only);
}

std::vector<Blob> BlobsOf(const HubSettings& settings, const ModelName& name, const std::string& commit,
                          const std::vector<HubFile>& files) {
  const std::string folder = RepoFolder(settings.hf_cache, name.repo);
  MakeFolder(folder + "/blobs");
  std::vector<Blob> blobs;
  for (const HubFile& file : files) {
    const auto explain = [settings, name](int status, const std::string& code) {
      // What a storage host behind the hub says is its own.
      return code.empty() && status != 401 ? std::string() : ExplainRefusal(settings, name, status, code);
    };
    blobs.push_back({.source = {.url = ResolveUrl(settings, name, commit, file.path),
                                .token = settings.token,
                                .headers = {},
                                .name = file.path,
                                .explain = explain},
                     .size = file.size,
                     .digest = file.etag,
                     .sha256 = file.is_sha256,
                     .path = BlobPath(folder, file),
                     .lock_path = LockPath(settings.hf_cache, name.repo, file)});
  }
  return blobs;
}

LocalModel FetchHf(const HubSettings& settings, const ModelName& name, const CheckSize& check,
                   const FetchWatch& watch) {
  const HttpClient http(settings, watch);
  const HubRevision revision = AskHub(http, settings, name);
  const auto read = [&](const HubFile& file) {
    return http.Get(ResolveUrl(settings, name, revision.commit, file.path), settings.token).body;
  };
  const Choice choice = ChooseFiles(revision.files, name.tag, name.repo, read);
  const std::string folder = RepoFolder(settings.hf_cache, name.repo);
  const std::vector<Blob> blobs = BlobsOf(settings, name, revision.commit, choice.files);
  int64_t bytes = 0;
  for (const HubFile& file : choice.files) bytes += file.size;
  if (const int64_t missing = MissingBytes(blobs); missing > 0) {
    check(bytes, revision.files);
    watch.say(name.Text() + ": " + SizeText(missing) + " to fetch" +
              (missing < bytes ? ", of " + SizeText(bytes) : "") + ", into " + settings.hf_cache);
  }
  FetchBlobs(blobs, settings, watch);
  for (const HubFile& file : choice.files) LinkIntoSnapshot(folder, revision.commit, file);
  WriteRef(folder, name.revision, revision.commit);
  return At(SnapshotFolder(folder, revision.commit), choice);
}

LocalModel FetchNow(const HubSettings& settings, const ModelName& name, const CheckSize& check,
                    const FetchWatch& watch) {
  if (name.hub == ModelName::Hub::kHuggingFace) return FetchHf(settings, name, check, watch);
  return FetchFromRegistry(settings, name, check, watch);
}

std::optional<LocalModel> FindAny(const HubSettings& settings, const ModelName& name, bool certain_only) {
  if (name.hub == ModelName::Hub::kHuggingFace) return FindHf(settings, name, certain_only);
  return FindInRegistries(settings, name);
}

std::string PlacesOf(const HubSettings& settings, const ModelName& name) {
  return name.hub == ModelName::Hub::kHuggingFace ? settings.hf_cache : settings.store;
}

}  // namespace

std::optional<LocalModel> FindModel(const HubSettings& settings, const ModelName& name) {
  return FindAny(settings, name, false);
}

LocalModel FetchModel(const HubSettings& settings, const ModelName& name, const CheckSize& check,
                      const FetchWatch& watch) {
  if (settings.offline) {
    if (auto found = FindModel(settings, name)) return *found;
    throw std::runtime_error(name.Text() + " is not whole in " + PlacesOf(settings, name) +
                             ", and offline nobody is asked (--offline, HF_HUB_OFFLINE): puna pull " + name.Text() +
                             " fetches it where there is a network");
  }
  try {
    return FetchNow(settings, name, check, watch);
  } catch (const HubUnreachable& trouble) {
    auto found = FindModel(settings, name);
    if (!found) throw;
    found->notes.push_back(std::string(trouble.what()) + "; taking what is here");
    return *found;
  }
}

LocalModel FindOrFetchModel(const HubSettings& settings, const ModelName& name, const CheckSize& check,
                            const FetchWatch& watch) {
  if (auto found = FindAny(settings, name, true)) return *found;
  return FetchModel(settings, name, check, watch);
}

}  // namespace puna::server
