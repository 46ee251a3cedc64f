#include "server/hub/hf_cache.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string_view>

#include "server/hub/fetch_blob.h"
#include "server/hub/file_lock.h"

namespace puna::server {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "models--";
constexpr std::string_view kPart = ".puna-part";

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// A link from the depth of PATH below snapshots/COMMIT to the repository's blobs.
std::string LinkTo(const HubFile& file) {
  std::string up = "../../";
  for (const char c : file.path) up += c == '/' ? "../" : "";
  return up + "blobs/" + file.etag;
}

std::vector<fs::path> Entries(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

bool IsRegular(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// Calls use(path, path below the folder) for each file or link.
template <typename Use>
void Walk(const fs::path& folder, const Use& use) {
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; at != end && !error; at.increment(error)) {
    if (!at->is_directory(error) || at->is_symlink(error))
      use(at->path(), at->path().lexically_relative(folder).string());
  }
}

// The blobs that links in any snapshot lead to.
std::set<std::string> LinkedBlobs(const fs::path& repo_folder) {
  std::set<std::string> linked;
  Walk(repo_folder / "snapshots", [&](const fs::path& path, const std::string&) {
    std::error_code error;
    const fs::path target = fs::read_symlink(path, error);
    if (!error) linked.insert(target.filename().string());
  });
  return linked;
}

int64_t Remove(const fs::path& path) {
  std::error_code error;
  const bool link = fs::is_symlink(path, error);
  const auto size = link ? 0 : static_cast<int64_t>(fs::file_size(path, error));
  if (!fs::remove(path, error)) throw std::runtime_error(path.string() + ": cannot be removed; check its permissions");
  return std::max<int64_t>(size, 0);
}

void RemoveEmptyFolders(const fs::path& folder) {
  std::error_code error;
  for (const fs::path& path : Entries(folder)) {
    if (fs::is_directory(path, error) && !fs::is_symlink(path, error)) RemoveEmptyFolders(path);
  }
  fs::remove(folder, error);  // refuses where something is left
}

}  // namespace

std::string RepoFolder(const std::string& cache, const std::string& repo) {
  return cache + "/" + std::string(kPrefix) + Replaced(repo, "/", "--");
}
std::string SnapshotFolder(const std::string& repo_folder, const std::string& commit) {
  return repo_folder + "/snapshots/" + commit;
}
std::string BlobPath(const std::string& repo_folder, const HubFile& file) {
  return repo_folder + "/blobs/" + file.etag;
}

std::string LockPath(const std::string& cache, const std::string& repo, const HubFile& file) {
  const std::string folder = cache + "/.locks/" + std::string(kPrefix) + Replaced(repo, "/", "--");
  MakeFolder(folder);
  return folder + "/" + file.etag + ".lock";
}

std::optional<std::string> FindSnapshot(const std::string& repo_folder, const std::string& revision) {
  std::ifstream in(repo_folder + "/refs/" + revision);
  std::string commit;
  if (!(in >> commit) || !IsSafePath(commit)) commit = revision;
  const std::string folder = SnapshotFolder(repo_folder, commit);
  std::error_code error;
  if (!fs::is_directory(folder, error)) return std::nullopt;
  return folder;
}

std::vector<HubFile> FilesBelow(const std::string& folder) {
  std::vector<HubFile> files;
  Walk(folder, [&](const fs::path& path, const std::string& below) {
    std::error_code error;
    if (!IsRegular(path)) return;
    const fs::path target = fs::read_symlink(path, error);
    const std::string etag = error ? "" : target.filename().string();
    const auto size = static_cast<int64_t>(fs::file_size(path, error));
    if (!error) files.push_back({.path = below, .size = size, .etag = etag, .is_sha256 = etag.size() == 64});
  });
  std::ranges::sort(files, {}, &HubFile::path);
  return files;
}

void LinkIntoSnapshot(const std::string& repo_folder, const std::string& commit, const HubFile& file) {
  const fs::path path = fs::path(SnapshotFolder(repo_folder, commit)) / file.path;
  MakeFolder(path.parent_path().string());
  std::error_code error;
  const fs::path link = LinkTo(file);
  if (fs::read_symlink(path, error) == link && !error) return;
  fs::remove(path, error);
  fs::create_symlink(link, path, error);
  if (!error) return;
  const fs::path blob = BlobPath(repo_folder, file);
  fs::rename(blob, path, error);
  if (error) throw std::runtime_error(path.string() + ": cannot be made (" + error.message() + ")");
}

void WriteRef(const std::string& repo_folder, const std::string& revision, const std::string& commit) {
  if (revision == commit) return;
  const fs::path path = fs::path(repo_folder) / "refs" / revision;
  MakeFolder(path.parent_path().string());
  const fs::path fresh = path.string() + ".puna-part";
  std::ofstream out(fresh);
  out << commit;
  out.close();
  std::error_code error;
  if (out) fs::rename(fresh, path, error);
  if (!out || error)
    throw std::runtime_error(path.string() + ": cannot be written; check permissions and the space left");
}

std::vector<CachedRepo> ReposIn(const std::string& cache) {
  std::vector<CachedRepo> repos;
  for (const fs::path& path : Entries(cache)) {
    const std::string name = path.filename().string();
    std::error_code error;
    if (!name.starts_with(kPrefix) || !fs::is_directory(path / "snapshots", error)) continue;
    // ORG--NAME: names with -- in them are rare, and organisations cannot have them.
    std::string repo = name.substr(kPrefix.size());
    if (const size_t at = repo.find("--"); at != std::string::npos) repo.replace(at, 2, "/");
    repos.push_back({repo, path.string()});
  }
  return repos;
}

std::vector<std::string> CommitsIn(const std::string& repo_folder) {
  std::vector<std::string> commits;
  for (const fs::path& path : Entries(fs::path(repo_folder) / "snapshots")) commits.push_back(path.filename().string());
  return commits;
}

int64_t RemoveFiles(const std::string& cache, const std::string& repo, const std::vector<std::string>& paths) {
  const fs::path folder = RepoFolder(cache, repo), locks = fs::path(cache) / ".locks" / folder.filename();
  std::error_code error;
  int64_t freed = 0;
  const std::set<std::string> before = LinkedBlobs(folder);
  for (const std::string& commit : CommitsIn(folder.string())) {
    for (const std::string& path : paths) {
      const fs::path link = fs::path(SnapshotFolder(folder.string(), commit)) / path;
      if (fs::exists(fs::symlink_status(link, error))) freed += Remove(link);
    }
    RemoveEmptyFolders(SnapshotFolder(folder.string(), commit));
  }
  const std::set<std::string> after = LinkedBlobs(folder);
  for (const fs::path& blob : Entries(folder / "blobs")) {
    const std::string name = blob.filename().string();
    const bool unlinked = before.contains(name) && !after.contains(name);
    const bool given_up =
        name.ends_with(kPart) && !IsLocked((locks / (name.substr(0, name.size() - kPart.size()) + ".lock")).string());
    if (unlinked || given_up) freed += Remove(blob);
  }
  if (CommitsIn(folder.string()).empty() && Entries(folder / "blobs").empty()) {
    fs::remove_all(folder, error);
    fs::remove_all(locks, error);
  }
  return freed;
}

}  // namespace puna::server
