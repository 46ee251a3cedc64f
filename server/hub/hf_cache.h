// Hugging Face's cache on the disk, as huggingface_hub and llama.cpp lay it out and read it:
//   models--ORG--NAME/refs/REVISION               a commit
//   models--ORG--NAME/blobs/ETAG                  a content
//   models--ORG--NAME/snapshots/COMMIT/PATH       a link to it
//   .locks/models--ORG--NAME/ETAG.lock            whoever writes it has this locked
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/hub/choose_files.h"

namespace puna::server {

std::string RepoFolder(const std::string& cache, const std::string& repo);
std::string SnapshotFolder(const std::string& repo_folder, const std::string& commit);
std::string BlobPath(const std::string& repo_folder, const HubFile& file);
std::string LockPath(const std::string& cache, const std::string& repo, const HubFile& file);  // makes the folder

// The snapshot of a branch, tag or commit that is on the disk; none: there is none.
std::optional<std::string> FindSnapshot(const std::string& repo_folder, const std::string& revision);

// What a folder of files holds, by paths below it; links whose content is missing are left out.
std::vector<HubFile> FilesBelow(const std::string& folder);

// Puts a link to the blob into the snapshot; where the file system has none, the content itself.
void LinkIntoSnapshot(const std::string& repo_folder, const std::string& commit, const HubFile& file);

// Has the revision stand for the commit; the last thing to be written.
void WriteRef(const std::string& repo_folder, const std::string& revision, const std::string& commit);

// The repositories of a cache, as ORG/NAME, with their folders.
struct CachedRepo {
  std::string repo, folder;
};
std::vector<CachedRepo> ReposIn(const std::string& cache);

// The commits of a repository that have a snapshot.
std::vector<std::string> CommitsIn(const std::string& repo_folder);

// Takes those files out of all snapshots, each content of theirs that no snapshot links to any more, and what of the repository is
// half fetched by nobody now; a repository of which nothing is left goes whole. Gives the bytes that became free.
int64_t RemoveFiles(const std::string& cache, const std::string& repo, const std::vector<std::string>& paths);

}  // namespace puna::server
