// What lies in a folder of the cache on disk, whoever wrote it, for people; and the ways to check it and to take it away.
// Servers that use the folder may run meanwhile. Calls return a negative errno value where the folder cannot be read.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/content_hash.h"
#include "engine/kv_disk/disk_folder.h"

namespace puna::engine {

// The blocks of one fingerprint: a model in one format, with one type of cache, and what else their bytes depend on.
struct KeptModel {
  ContentHash fingerprint;
  std::string label;  // what the server that wrote them called it; empty: not said
  int64_t block_bytes = 0;
  int files = 0;
  int64_t bytes = 0;  // on the disk
  uint64_t blocks = 0, damaged_blocks = 0;
  int64_t first_written_ns = 0, last_written_ns = 0;  // since 1970: of the files
  int64_t last_used_ns = 0;                           // 0: not since they were written
};

struct FolderReport {
  std::vector<KeptModel> models;  // the largest first
  int unread_files = 0;           // without a record that this version reads: another version's, or cut off at once
  int64_t unread_bytes = 0;       // on the disk
  int64_t bytes = 0;              // of all, on the disk
};

int ReportFolder(DiskFolder& folder, FolderReport& report);

struct FolderFaults {
  uint64_t sound_blocks = 0;
  uint64_t damaged_blocks = 0;
  int64_t loose_bytes = 0;  // behind a file's last whole record: being written, or cut off there
};

// Reads every block and compares it with the hash that was taken when it was written. tell(line): each block that is
// another now, or cannot be read. A damaged one is marked, so that no server reads it again.
int VerifyFolder(DiskFolder& folder, const std::function<void(const std::string&)>& tell, FolderFaults& faults);

struct FolderCleared {
  int files = 0;
  int64_t bytes = 0;
};

// Removes the files with blocks of this fingerprint, or all. The key of the names stays: running servers share it.
int ClearFolder(DiskFolder& folder, const std::optional<ContentHash>& only, FolderCleared& cleared);

// What the servers of a fingerprint call it, for ReportFolder. Best effort: a label is for people.
void LabelFolder(DiskFolder& folder, const ContentHash& fingerprint, const std::string& label);

// 32 hexadecimal digits.
std::string FingerprintText(const ContentHash& fingerprint);

}  // namespace puna::engine
