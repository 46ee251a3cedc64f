#include "engine/checkpoint/open_checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "engine/checkpoint/files/checkpoint_fault.h"
#include "engine/checkpoint/files/file_set.h"
#include "engine/checkpoint/files/safetensors.h"
#include "engine/checkpoint/foreign_files.h"
#include "engine/checkpoint/gguf/gguf_checkpoint.h"
#include "engine/checkpoint/gguf/gguf_names.h"
#include "engine/checkpoint/hf/hf_checkpoint.h"
#include "engine/checkpoint/meta/meta_checkpoint.h"
#include "engine/checkpoint/random_checkpoint.h"

namespace puna::engine {
namespace {

// The folder's name; of a snapshot in Hugging Face's cache (models--ORG--NAME/snapshots/HASH) the model's.
std::string ModelName(const std::string& folder) {
  std::filesystem::path path = std::filesystem::absolute(folder).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  const std::string cached = path.parent_path().parent_path().filename().string();
  constexpr std::string_view kPrefix = "models--";
  if (path.parent_path().filename() != "snapshots" || !cached.starts_with(kPrefix)) return path.filename().string();
  return cached.substr(std::max(cached.rfind("--") + 2, kPrefix.size()));
}

// A model in Hugging Face's cache by its own folder (models--ORG--NAME): the snapshot that "main" stands for, or the only one.
std::filesystem::path Resolve(const std::filesystem::path& path) {
  const std::filesystem::path snapshots = path / "snapshots";
  std::error_code error;
  if (!std::filesystem::is_directory(snapshots, error)) return path;
  std::ifstream in(path / "refs" / "main");
  std::string commit;
  if (in >> commit && std::filesystem::is_directory(snapshots / commit, error)) return snapshots / commit;
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(snapshots, error)) found.push_back(entry.path());
  return found.size() == 1 ? found.front() : path;
}

// Files without an ending, by their first letters: where nothing else tells what the folder is.
std::vector<std::string> GgufByLetters(const FileSet& files) {
  std::vector<std::string> found;
  for (const std::string& name : files.Names()) {
    if (HasGgufLetters(files, name)) found.push_back(name);
  }
  return found;
}

// The .gguf file that the folder is given for; empty: it holds something else. A config.json alone, beside one, says nothing.
std::string GgufIn(const FileSet& files) {
  if (!FindSafetensors(files).empty() || files.Has("params.json")) return "";
  std::vector<std::string> models = GgufModels(files);
  if (models.empty()) models = GgufByLetters(files);
  if (models.size() < 2) return models.empty() ? "" : models.front();
  Throw({.path = files.path(),
         .expected = "one model",
         .found = std::to_string(models.size()) + " .gguf files: " + Printable(models[0]) + ", " +
                  Printable(models[1]) + (models.size() > 2 ? ", ..." : ""),
         .remedy = "give one of the .gguf files"});
}

Checkpoint OpenFiles(const FileSet& files, const OpenOptions& options) {
  const std::string gguf = GgufIn(files);
  if (!gguf.empty()) return OpenGgufCheckpoint(files, gguf);
  if (files.Has("params.json") && !files.Has("config.json")) return OpenMetaCheckpoint(files, options.meta_rope_factor);
  if (FindSafetensors(files).empty()) RefuseForeignFiles(files);
  return OpenHfCheckpoint(files);
}

// A file is one of GGUF, whatever its name.
bool IsGgufFile(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  return path.extension() == ".gguf" ||
         HasGgufLetters(FileSet::Folder(path.parent_path().string()), path.filename().string());
}

[[noreturn]] void RefuseFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    Throw({.path = path,
           .expected = "a folder with a model or a .gguf file",
           .found = error ? error.message() : "nothing",
           .remedy = "check the path, or use random:llama-3.2-3b"});
  }
  const std::filesystem::path file(path);
  const std::string ending = file.extension().string();
  const bool part = ending == ".safetensors" || ending == ".json" || ending == ".pth" || ending == ".model";
  if (!part) RefuseForeignFiles(FileSet::Memory(file.parent_path().string(), {{file.filename().string(), {}}}));
  Throw({.path = path,
         .expected = "a folder with a model or a .gguf file",
         .found = "a file",
         .remedy = "give the folder that holds it"});
}

}  // namespace

std::string FindGguf(const std::string& path) {
  std::error_code error;
  if (IsGgufFile(path)) {
    const std::filesystem::path file(path);
    return (file.parent_path() / GgufParts(file.filename().string()).front()).string();
  }
  const std::filesystem::path folder = Resolve(path);
  if (!std::filesystem::is_directory(folder, error)) return "";
  const FileSet files = FileSet::Folder(folder.string());
  const std::string gguf = GgufIn(files);
  return gguf.empty() ? "" : files.PathOf(gguf);
}

std::string ModelFolder(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return Resolve(path).string();
  return std::filesystem::path(path).parent_path().string();
}

Checkpoint OpenCheckpoint(const std::string& path, const OpenOptions& options) {
  constexpr std::string_view kRandom = "random:";
  if (path.starts_with(kRandom)) return OpenRandomCheckpoint(path.substr(kRandom.size()));
  std::error_code error;
  if (IsGgufFile(path))
    return OpenGgufCheckpoint(FileSet::Folder(ModelFolder(path)), std::filesystem::path(path).filename().string());
  if (!std::filesystem::is_directory(path, error)) RefuseFile(path);
  const std::string folder = ModelFolder(path);
  Checkpoint checkpoint = OpenFiles(FileSet::Folder(folder), options);
  checkpoint.name = ModelName(folder);
  return checkpoint;
}

Checkpoint OpenCheckpointFromMemory(const std::string& name, std::map<std::string, std::span<const std::byte>> files,
                                    const OpenOptions& options) {
  return OpenFiles(FileSet::Memory(name, std::move(files)), options);
}

}  // namespace puna::engine
