#include "server/hub/fetch_blob.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "server/hub/digest.h"
#include "server/hub/file_lock.h"
#include "server/hub/part_file.h"

namespace puna::server {
namespace {

bool IsThere(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

int64_t BytesHere(const Blob& blob) {
  return IsThere(blob.path) ? blob.size : BytesInPart(PartPath(blob.path), blob.size);
}

void CheckRoom(const std::vector<Blob>& blobs) {
  if (blobs.empty()) return;
  const std::string folder = std::filesystem::path(blobs.front().path).parent_path().string();
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(folder, error);
  const int64_t missing = MissingBytes(blobs);
  if (error || static_cast<int64_t>(space.available) >= missing) return;
  throw std::runtime_error(folder + ": " + SizeText(missing) + " are to be fetched and " +
                           SizeText(static_cast<int64_t>(space.available)) + " are free: make room for " +
                           SizeText(missing - static_cast<int64_t>(space.available)) +
                           " more (puna list, puna rm), or set HF_HUB_CACHE to a folder on another disk");
}

class Fetching {
 public:
  Fetching(const std::vector<Blob>& blobs, const HubSettings& settings, const FetchWatch& watch)
      : blobs_(blobs), settings_(settings), watch_(watch) {
    for (const Blob& blob : blobs) {
      total_ += blob.size;
      done_ += BytesHere(blob);
    }
  }

  void Run() {
    watch_.progress(done_, total_);
    for (const Blob& blob : blobs_) {
      if (IsThere(blob.path)) continue;
      const FileLock lock(blob.lock_path, watch_);
      const int64_t counted = BytesInPart(PartPath(blob.path), blob.size);
      if (!IsThere(blob.path)) {
        FetchOne(blob);
      } else {
        Count(blob.size - counted);
      }
    }
  }

 private:
  void Count(int64_t bytes) {
    done_ = std::clamp<int64_t>(done_ + bytes, 0, total_);
    watch_.progress(done_, total_);
  }

  void FetchOne(const Blob& blob) {
    PartFile part(PartPath(blob.path), blob.size);
    std::string found;
    for (int tries = 0; tries < 2; ++tries) {
      Download(
          blob.source, settings_, watch_, [this](int64_t bytes) { Count(bytes); }, &part);
      found = DigestOfFile(PartPath(blob.path), blob.size, blob.sha256, watch_.go_on);
      if (found == blob.digest) return Place(blob, &part);
      watch_.say(blob.source.name + ": its checksum is wrong; " + (tries == 0 ? "fetching it once more" : "giving up"));
      part.Clear();
      Count(-blob.size);
    }
    std::filesystem::remove(PartPath(blob.path));
    throw std::runtime_error(blob.source.name + ": expected the " + (blob.sha256 ? "sha256 " : "git sha1 ") +
                             blob.digest + ", found " + found +
                             " twice; the server or a proxy between alters the file: nothing was kept");
  }

  static void Place(const Blob& blob, PartFile* part) {
    part->Finish();
    std::error_code error;
    std::filesystem::rename(PartPath(blob.path), blob.path, error);
    if (error) throw std::runtime_error(blob.path + ": cannot be made (" + error.message() + ")");
  }

  const std::vector<Blob>& blobs_;
  const HubSettings& settings_;
  const FetchWatch& watch_;
  int64_t done_ = 0, total_ = 0;
};

}  // namespace

std::string PartPath(const std::string& path) { return path + ".puna-part"; }

int64_t MissingBytes(const std::vector<Blob>& blobs) {
  int64_t missing = 0;
  for (const Blob& blob : blobs) missing += blob.size - BytesHere(blob);
  return missing;
}

void MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    throw std::runtime_error(path + ": cannot be made (" + error.message() +
                             "); models are kept there: check its permissions, or set HF_HUB_CACHE to another folder");
  }
}

void FetchBlobs(const std::vector<Blob>& blobs, const HubSettings& settings, const FetchWatch& watch) {
  CheckRoom(blobs);
  Fetching(blobs, settings, watch).Run();
}

std::string SizeText(int64_t bytes) {
  char text[32];
  const auto value = static_cast<double>(bytes);
  if (bytes < 1000) {
    std::snprintf(text, sizeof text, "%d bytes", static_cast<int>(bytes));
  } else if (bytes < 1000 * 1000) {
    std::snprintf(text, sizeof text, "%.0f kB", value / 1e3);
  } else if (bytes < 1000 * 1000 * 1000) {
    std::snprintf(text, sizeof text, "%.0f MB", value / 1e6);
  } else {
    std::snprintf(text, sizeof text, "%.2f GB", value / 1e9);
  }
  return text;
}

}  // namespace puna::server
