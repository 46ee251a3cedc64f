#include "engine/kv_disk/disk_store.h"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <set>
#include <system_error>
#include <utility>

#include "engine/base/check.h"
#include "engine/kv_disk/eviction.h"

namespace puna::engine {
namespace {

// Room is made by whole segments: a thirty-second part of the limit each, of a size that a file system likes.
constexpr int64_t kLeastSegment = int64_t{64} << 10, kLargestSegment = int64_t{1} << 30;

// What is left to others on the disk.
constexpr int64_t kMostLeft = int64_t{2} << 30;
constexpr int64_t kPartLeft = 20;

std::string Reason(int error) { return std::generic_category().message(-error); }

}  // namespace

DiskStore::DiskStore(DiskFolder& folder, DiskIndex& index, DiskStoreOptions options)
    : folder_(folder),
      index_(index),
      options_(std::move(options)),
      segment_bytes_(std::clamp(options_.limit_bytes / 32, kLeastSegment, kLargestSegment)) {}

int DiskStore::List(std::vector<DiskFileInfo>& files) {
  const int status = folder_.List(kSegmentEnding, files);
  if (status < 0) {
    if (!list_failed_) options_.report(folder_.path() + " cannot be read: " + Reason(status));
    list_failed_ = true;
    return status;
  }
  list_failed_ = false;
  bytes_ = 0;
  for (const DiskFileInfo& file : files) bytes_ += file.allocated;
  return 0;
}

void DiskStore::Look() {
  std::vector<DiskFileInfo> files;
  if (List(files) < 0) return;
  std::set<std::string> there;
  for (const DiskFileInfo& file : files) there.insert(file.name);
  std::vector<std::string> gone;
  for (const auto& [name, seen] : seen_) {
    if (!there.contains(name)) gone.push_back(name);
  }
  for (const std::string& name : gone) Forget(name);
  if (segment_ && segment_->removed()) {  // or it would hold its place on the disk until something is written
    segment_.reset();
    segment_name_.clear();
  }
  for (const DiskFileInfo& file : files) {
    Seen& seen = seen_[file.name];
    if (file.name != segment_name_ && seen.read < file.size) Read(file, seen);
  }
  if (bytes_ > options_.limit_bytes) MakeRoom(0);
}

// Record after record, until there is none that is whole: one that is being written, or that a crash has cut off.
void DiskStore::Read(const DiskFileInfo& file, Seen& seen) {
  int error = 0;
  const std::unique_ptr<DiskFile> opened = folder_.Open(file.name, /*writable=*/false, error);
  if (!opened) return;
  std::vector<uint8_t> header(kHeaderBytes);
  while (seen.read + kHeaderBytes <= file.size) {
    if (opened->ReadAt(header, seen.read) != kHeaderBytes) return;
    const std::optional<Record> record = DecodeHeader(header);
    if (!record) return;
    const int64_t end = seen.read + RecordBytes(record->entries.size(), record->kind.block_bytes);
    if (end > file.size) return;
    if (record->kind == options_.kind && !index_.Add(file.name, seen.read, *record)) seen.has_known = true;
    seen.read = end;
  }
}

// What was known from this segment may also lie in others: those are read again at the next look.
void DiskStore::Forget(const std::string& segment) {
  index_.DropSegment(segment);
  seen_.erase(segment);
  for (auto& [name, seen] : seen_) {
    if (std::exchange(seen.has_known, false)) seen.read = 0;
  }
}

bool DiskStore::Evict(const std::string& name) {
  const int status = folder_.Remove(name);
  if (status < 0 && status != -ENOENT) return false;
  if (name == segment_name_) {
    segment_.reset();
    segment_name_.clear();
  }
  Forget(name);
  ++evicted_files_;
  return true;
}

// 0, or why there is no room for so many bytes more. Our own segment goes last.
int DiskStore::MakeRoom(int64_t bytes) {
  std::vector<DiskFileInfo> files;
  if (const int status = List(files); status < 0) return status;
  files = EvictionOrder(std::move(files), options_.limit_bytes);
  std::stable_partition(files.begin(), files.end(),
                        [this](const DiskFileInfo& file) { return file.name != segment_name_; });
  for (const DiskFileInfo& file : files) {
    if (bytes_ + bytes <= options_.limit_bytes) break;
    if (Evict(file.name)) bytes_ -= file.allocated;
  }
  if (bytes_ + bytes > options_.limit_bytes) return -EFBIG;
  int64_t all = 0, free = 0;
  if (const int status = folder_.Space(all, free); status < 0) return status;
  return bytes > 0 && free - bytes < std::min(kMostLeft, all / kPartLeft) ? -ENOSPC : 0;
}

int DiskStore::OpenSegment(int64_t bytes) {
  const bool is_full = segment_end_ > 0 && segment_end_ + bytes > segment_bytes_;
  if (segment_ && !is_full && !segment_->removed()) return 0;
  segment_.reset();
  segment_name_.clear();
  segment_end_ = 0;
  char name[32];
  std::snprintf(name, sizeof name, "%08x%08x%s", random_(), random_(), kSegmentEnding);
  int error = 0;
  segment_ = folder_.Create(name, error);
  if (!segment_) return error;
  segment_name_ = name;
  return 0;
}

bool DiskStore::Write(std::span<const BlockToWrite> blocks) {
  if (options_.seconds() < paused_until_) return false;
  const int64_t bytes = RecordBytes(blocks.size(), options_.kind.block_bytes);
  int status = MakeRoom(bytes);
  if (status == 0) status = OpenSegment(bytes);
  if (status == 0) status = Append(blocks, bytes);
  if (status < 0) {
    Fail(status);
    return false;
  }
  pause_ = 0;
  return true;
}

int DiskStore::Append(std::span<const BlockToWrite> blocks, int64_t bytes) {
  Record record{options_.kind, {}, 0};
  for (const BlockToWrite& block : blocks) {
    PUNA_CHECK(static_cast<int64_t>(block.bytes.size()) == options_.kind.block_bytes) << block.bytes.size();
    record.entries.push_back({block.name, HashContent(block.bytes)});
  }
  if (const int status = AppendBytes(record, blocks, bytes); status < 0) {
    // What stands there now, nobody knows: the file ends here, and another is begun.
    segment_->Truncate(segment_end_);
    segment_.reset();
    seen_[segment_name_].read = segment_end_;
    segment_name_.clear();
    return status;
  }
  const bool all_new = index_.Add(segment_name_, segment_end_, record);
  segment_end_ += bytes;
  bytes_ += bytes;
  Seen& seen = seen_[segment_name_];
  seen.read = segment_end_;
  seen.has_known = seen.has_known || !all_new;
  return 0;
}

int DiskStore::AppendBytes(const Record& record, std::span<const BlockToWrite> blocks, int64_t bytes) {
  for (size_t slot = 0; slot < blocks.size(); ++slot) {
    const int64_t offset = segment_end_ + BlockOffset(static_cast<int>(slot), options_.kind.block_bytes);
    const int64_t written = segment_->WriteAt(blocks[slot].bytes, offset);
    if (written < 0) return static_cast<int>(written);
    if (written != options_.kind.block_bytes) return -EIO;
  }
  const int64_t end = segment_end_ + bytes;
  if (const int status = segment_->Truncate(end); status < 0) return status;  // the padding
  const int64_t written = segment_->WriteAt(EncodeHeader(record), segment_end_);
  if (written < 0) return static_cast<int>(written);
  if (written != kHeaderBytes) return -EIO;
  return segment_->Sync(segment_end_, bytes);
}

void DiskStore::Fail(int error) {
  ++write_errors_;
  const bool is_first = pause_ == 0;
  pause_ = is_first ? kFirstPause : std::min(2 * pause_, kLastPause);
  paused_until_ = options_.seconds() + pause_;
  if (is_first) {
    options_.report(folder_.path() + " does not take what is written: " +
                    (error == -EFBIG ? "--kv-disk-gib is too small for a single write" : Reason(error)) +
                    "; tried again later, and answers do not depend on it");
  }
  if (error != -ENOSPC && error != -EDQUOT) return;
  std::vector<DiskFileInfo> files;  // the disk is full, of others' files too: ours make room
  if (List(files) < 0 || files.empty()) return;
  Evict(EvictionOrder(std::move(files), options_.limit_bytes).front().name);
}

}  // namespace puna::engine
