#include "engine/kv_disk/folder_report.h"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <memory>
#include <system_error>
#include <utility>

#include "engine/kv_disk/disk_store.h"
#include "engine/kv_disk/record.h"

namespace puna::engine {
namespace {

constexpr const char* kLabelEnding = ".model";
constexpr size_t kLongestLabel = 200;

using OnRecord = std::function<void(DiskFile&, int64_t offset, const Record&)>;

// Every whole record of a file, in order. Where the last one ends, or a negative errno value.
int64_t WalkRecords(DiskFolder& folder, const DiskFileInfo& file, bool writable, const OnRecord& on_record) {
  int error = 0;
  std::unique_ptr<DiskFile> opened = folder.Open(file.name, writable, error);
  if (!opened && writable) opened = folder.Open(file.name, /*writable=*/false, error);
  if (!opened) return error;
  int64_t offset = 0;
  std::vector<uint8_t> header(kHeaderBytes);
  while (offset + kHeaderBytes <= file.size) {
    if (opened->ReadAt(header, offset) != kHeaderBytes) break;
    const std::optional<Record> record = DecodeHeader(header);
    if (!record) break;
    const int64_t end = offset + RecordBytes(record->entries.size(), record->kind.block_bytes);
    if (end > file.size) break;
    on_record(*opened, offset, *record);
    offset = end;
  }
  return offset;
}

std::string ReadLabel(DiskFolder& folder, const ContentHash& fingerprint) {
  int error = 0;
  const auto file = folder.Open(FingerprintText(fingerprint) + kLabelEnding, /*writable=*/false, error);
  if (!file) return {};
  std::vector<uint8_t> bytes(kLongestLabel);
  const int64_t read = file->ReadAt(bytes, 0);
  std::string label;
  for (int64_t i = 0; i < read; ++i) label += bytes[i] >= ' ' && bytes[i] <= '~' ? static_cast<char>(bytes[i]) : '?';
  return label;
}

// A file that lost its name meanwhile is none of the folder's any more.
bool IsGone(int64_t status) { return status == -ENOENT; }

void AddFile(const DiskFileInfo& file, KeptModel& model) {
  ++model.files;
  model.bytes += file.allocated;
  model.last_written_ns = std::max(model.last_written_ns, file.written_ns);
  const bool is_first = model.first_written_ns == 0;
  model.first_written_ns = is_first ? file.written_ns : std::min(model.first_written_ns, file.written_ns);
  if (file.used_ns > file.written_ns) model.last_used_ns = std::max(model.last_used_ns, file.used_ns);
}

int CountDamaged(const Record& record) {
  int count = 0;
  for (size_t slot = 0; slot < record.entries.size(); ++slot) count += static_cast<int>(record.damaged >> slot & 1);
  return count;
}

}  // namespace

std::string FingerprintText(const ContentHash& fingerprint) {
  char text[33];
  std::snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, fingerprint.high, fingerprint.low);
  return text;
}

void LabelFolder(DiskFolder& folder, const ContentHash& fingerprint, const std::string& label) {
  int error = 0;
  const auto file = folder.Create(FingerprintText(fingerprint) + kLabelEnding, error);
  if (!file) return;
  const std::string text = label.substr(0, kLongestLabel);
  file->WriteAt({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, 0);
}

int ReportFolder(DiskFolder& folder, FolderReport& report) {
  std::vector<DiskFileInfo> files;
  if (const int status = folder.List(kSegmentEnding, files); status < 0) return status;
  std::map<std::pair<uint64_t, uint64_t>, KeptModel> models;
  for (const DiskFileInfo& file : files) {
    KeptModel* model = nullptr;
    const int64_t end =
        WalkRecords(folder, file, /*writable=*/false, [&](DiskFile&, int64_t /*offset*/, const Record& record) {
          const ContentHash& fingerprint = record.kind.fingerprint;
          model = &models[{fingerprint.high, fingerprint.low}];
          model->fingerprint = fingerprint;
          model->block_bytes = record.kind.block_bytes;
          const int damaged = CountDamaged(record);
          model->damaged_blocks += static_cast<uint64_t>(damaged);
          model->blocks += record.entries.size() - static_cast<size_t>(damaged);
        });
    if (IsGone(end)) continue;
    report.bytes += file.allocated;
    if (model != nullptr) {
      AddFile(file, *model);
    } else {
      ++report.unread_files;
      report.unread_bytes += file.allocated;
    }
  }
  for (auto& [key, model] : models) {
    model.label = ReadLabel(folder, model.fingerprint);
    report.models.push_back(std::move(model));
  }
  std::ranges::stable_sort(report.models, [](const KeptModel& a, const KeptModel& b) { return a.bytes > b.bytes; });
  return 0;
}

int VerifyFolder(DiskFolder& folder, const std::function<void(const std::string&)>& tell, FolderFaults& faults) {
  std::vector<DiskFileInfo> files;
  if (const int status = folder.List(kSegmentEnding, files); status < 0) return status;
  std::vector<uint8_t> bytes;
  for (const DiskFileInfo& file : files) {
    const auto check = [&](DiskFile& opened, int64_t offset, const Record& record) {
      uint64_t damaged = record.damaged;
      bytes.resize(static_cast<size_t>(record.kind.block_bytes));
      for (int slot = 0; slot < static_cast<int>(record.entries.size()); ++slot) {
        const int64_t at = offset + BlockOffset(slot, record.kind.block_bytes);
        const int64_t read = opened.ReadAt(bytes, at);
        const bool whole = read == record.kind.block_bytes;
        if (whole && HashContent(bytes) == record.entries[slot].content) {
          ++faults.sound_blocks;
          continue;
        }
        ++faults.damaged_blocks;
        if (whole) damaged |= uint64_t{1} << slot;
        tell(file.name + ": the block at byte " + std::to_string(at) +
             (read < 0 ? " cannot be read: " + std::generic_category().message(static_cast<int>(-read))
                       : std::string(" is not what was written")));
      }
      if (damaged == record.damaged) return;
      const auto* word = reinterpret_cast<const uint8_t*>(&damaged);
      opened.WriteAt({word, sizeof damaged}, offset + kDamagedOffset);
    };
    const int64_t end = WalkRecords(folder, file, /*writable=*/true, check);
    if (end >= 0) {
      faults.loose_bytes += file.size - end;
    } else if (!IsGone(end)) {
      ++faults.damaged_blocks;
      tell(file.name + " cannot be read: " + std::generic_category().message(static_cast<int>(-end)));
    }
  }
  return 0;
}

int ClearFolder(DiskFolder& folder, const std::optional<ContentHash>& only, FolderCleared& cleared) {
  std::vector<DiskFileInfo> files, labels;
  if (const int status = folder.List(kSegmentEnding, files); status < 0) return status;
  for (const DiskFileInfo& file : files) {
    bool meant = !only;
    if (only) {
      WalkRecords(folder, file, /*writable=*/false, [&](DiskFile&, int64_t /*offset*/, const Record& record) {
        meant = meant || record.kind.fingerprint == *only;
      });
    }
    if (!meant) continue;
    const int status = folder.Remove(file.name);
    if (IsGone(status)) continue;
    if (status < 0) return status;
    ++cleared.files;
    cleared.bytes += file.allocated;
  }
  folder.List(kLabelEnding, labels);
  for (const DiskFileInfo& label : labels) {
    if (!only || label.name == FingerprintText(*only) + kLabelEnding) folder.Remove(label.name);
  }
  return 0;
}

}  // namespace puna::engine
