#include "engine/checkpoint/open_checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/files/file_set.h"
#include "engine/checkpoint/gguf/gguf_checkpoint.h"
#include "engine/checkpoint/hf/hf_checkpoint.h"
#include "engine/checkpoint/meta/meta_checkpoint.h"
#include "engine/checkpoint/random_checkpoint.h"

namespace puna::engine {
namespace {

bool IsGguf(const std::string& name) { return name.ends_with(".gguf"); }

// The folder's name; of a snapshot in Hugging Face's cache (models--ORG--NAME/snapshots/HASH) the model's.
std::string ModelName(const std::string& folder) {
  std::filesystem::path path = std::filesystem::absolute(folder).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  const std::string cached = path.parent_path().parent_path().filename().string();
  constexpr std::string_view kPrefix = "models--";
  if (path.parent_path().filename() != "snapshots" || !cached.starts_with(kPrefix)) return path.filename().string();
  return cached.substr(std::max(cached.rfind("--") + 2, kPrefix.size()));
}

std::vector<std::string> GgufNames(const FileSet& files) {
  std::vector<std::string> names = files.Names();
  std::erase_if(names, [](const std::string& name) { return !IsGguf(name); });
  return names;
}

Checkpoint OpenFiles(const FileSet& files, const OpenOptions& options) {
  if (files.Has("config.json")) return OpenHfCheckpoint(files);
  if (files.Has("params.json")) return OpenMetaCheckpoint(files, options.meta_rope_factor);
  const std::vector<std::string> names = files.Names(), gguf = GgufNames(files);
  if (gguf.size() == 1) return OpenGgufCheckpoint(files, gguf.front());
  const std::string found = names.empty()     ? "an empty folder"
                            : gguf.size() > 1 ? std::to_string(gguf.size()) + " .gguf files"
                                              : "neither";
  Throw({.path = files.path(),
         .expected = "config.json (Hugging Face) or params.json (Meta)",
         .found = found,
         .remedy = gguf.size() > 1 ? "give one of the .gguf files" : "give the folder that holds the model's files"});
}

}  // namespace

std::string FindGguf(const std::string& path) {
  std::error_code error;
  if (IsGguf(path) && std::filesystem::is_regular_file(path, error)) return path;
  if (!std::filesystem::is_directory(path, error)) return "";
  const FileSet files = FileSet::Folder(path);
  const std::vector<std::string> gguf = GgufNames(files);
  return gguf.size() == 1 && !files.Has("config.json") && !files.Has("params.json") ? files.PathOf(gguf.front()) : "";
}

Checkpoint OpenCheckpoint(const std::string& path, const OpenOptions& options) {
  constexpr std::string_view kRandom = "random:";
  if (path.starts_with(kRandom)) return OpenRandomCheckpoint(path.substr(kRandom.size()));
  std::error_code error;
  if (IsGguf(path) && std::filesystem::is_regular_file(path, error)) {
    const std::filesystem::path file(path);
    return OpenGgufCheckpoint(FileSet::Folder(file.parent_path().string()), file.filename().string());
  }
  if (!std::filesystem::is_directory(path, error)) {
    const bool exists = std::filesystem::exists(path, error);
    Throw({.path = path,
           .expected = "a folder with a model",
           .found = exists ? "a file" : "nothing",
           .remedy = exists ? "give the folder that holds it" : "check the path, or use random:llama-3.2-3b"});
  }
  Checkpoint checkpoint = OpenFiles(FileSet::Folder(path), options);
  checkpoint.name = ModelName(path);
  return checkpoint;
}

Checkpoint OpenCheckpointFromMemory(const std::string& name, std::map<std::string, std::span<const std::byte>> files,
                                    const OpenOptions& options) {
  return OpenFiles(FileSet::Memory(name, std::move(files)), options);
}

}  // namespace puna::engine
