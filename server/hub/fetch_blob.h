// From a hub's description of a file to that file on the disk, whole and checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/hub/download.h"
#include "server/hub/hub_settings.h"

namespace puna::server {

struct Blob {
  DownloadSource source;
  int64_t size = 0;
  std::string digest;  // as DigestOfFile gives it
  bool sha256 = true;
  std::string path;       // where it will be; while it is fetched, PartPath(path) is there
  std::string lock_path;  // whoever else fetches it takes this lock, too
};

std::string PartPath(const std::string& path);

// Bytes of the blobs that are not on the disk yet.
int64_t MissingBytes(const std::vector<Blob>& blobs);

// Afterwards every blob is at its path. A content with another checksum is fetched once more from its beginning, then refused.
// Throws as Download does, and before the first byte where the disk has less room than is missing.
void FetchBlobs(const std::vector<Blob>& blobs, const HubSettings& settings, const FetchWatch& watch);

// A folder with those around it. Throws std::runtime_error.
void MakeFolder(const std::string& path);

// "2.02 GB"
std::string SizeText(int64_t bytes);

}  // namespace puna::server
